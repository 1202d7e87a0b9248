"""The conformance kit: what every masker must hold, as checks that a plugin's own tests run in three lines.

``sparse-hub check NAME`` runs the same checks; pytest is imported only where ``masker_checks`` is called.
"""

from __future__ import annotations

from sparse_hub_core.testing.catalogue import CHECKS
from sparse_hub_core.testing.check import Check
from sparse_hub_core.testing.outcome import Outcome, run_checks
from sparse_hub_core.testing.parametrise import masker_checks
from sparse_hub_core.testing.subject import Subject

__all__ = ["CHECKS", "Check", "Outcome", "Subject", "masker_checks", "run_checks"]
