"""Fails when it is imported."""

raise RuntimeError("the lookup table of this plugin is damaged")
