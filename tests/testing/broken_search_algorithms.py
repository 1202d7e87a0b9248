"""All broken search algorithms, collected by importing them."""

from __future__ import annotations

import broken_search_imports
import broken_search_learning
import broken_search_proposals
from breaking_search_algorithms import BROKEN, Broken

THEMES = (broken_search_imports, broken_search_learning, broken_search_proposals)

__all__ = ["BROKEN", "THEMES", "Broken"]
