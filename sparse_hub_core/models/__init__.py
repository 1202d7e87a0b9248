"""Hugging Face models: load, prefill, prefix snapshots, and greedy decoding on top of them."""
