"""LongBench and LongBench-E (THUDM): 21 long-context tasks in English and Chinese, 13 of them by length."""
