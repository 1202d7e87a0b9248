"""Metrics of text that several benchmarks share."""
