"""LongBench's metrics; each compares one prediction with one reference and returns a value between 0 and 1."""
