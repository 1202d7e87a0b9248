"""Validation: sparse beside dense on held-out requests, paired, with intervals."""
