"""All broken maskers, collected by importing them."""

from __future__ import annotations

import broken_amounts
import broken_configs
import broken_rows
import broken_state
from breaking import BROKEN

THEMES = (broken_amounts, broken_configs, broken_rows, broken_state)

__all__ = ["BROKEN", "THEMES"]
