"""RULER (NVIDIA, Apache-2.0), thirteen tasks at any context length."""
