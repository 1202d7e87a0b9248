"""What generated benchmarks share: samples of a key, and how they fill a length."""
