"""The tasks that InfiniteBench generates, at any length."""
