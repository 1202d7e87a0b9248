"""InfiniteBench's metrics; each compares one prediction with the dataset's answer and returns a value from 0 to 1."""
