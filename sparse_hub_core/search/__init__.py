"""Search with Ray Tune: algorithms, objectives, trials in reused actors, pruning."""
