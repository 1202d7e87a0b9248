"""All broken benchmarks, collected by importing them."""

from __future__ import annotations

import broken_imports
import broken_metadata
import broken_requests
import broken_scores
from breaking_benchmarks import BROKEN, Broken

THEMES = (broken_imports, broken_metadata, broken_requests, broken_scores)

__all__ = ["BROKEN", "THEMES", "Broken"]
