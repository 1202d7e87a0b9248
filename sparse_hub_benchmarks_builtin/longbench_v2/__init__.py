"""LongBench v2 (THUDM): multiple-choice questions about texts of 8,000 to 2 million words."""
