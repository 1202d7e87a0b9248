"""InfiniteBench (OpenBMB, MIT): retrieval, code, numbers and books at more than 100K tokens."""
