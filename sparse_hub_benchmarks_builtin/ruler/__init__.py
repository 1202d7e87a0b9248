"""RULER (NVIDIA, Apache-2.0), generated at any context length: the subsets that need no corpus."""
