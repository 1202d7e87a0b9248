"""Search: algorithms, objectives and budgets, the fidelity ladder, rungs on Ray's actors, winners."""
