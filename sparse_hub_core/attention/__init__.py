"""Sparse attention itself: masks, the engine that reads only what they name, and its measures."""
