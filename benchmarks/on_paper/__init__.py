"""The formulas behind docs/scaling.md: pure functions, nothing is measured."""
