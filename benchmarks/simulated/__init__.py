"""Simulated scores whose true difference is known, to try interval methods and tests on."""
