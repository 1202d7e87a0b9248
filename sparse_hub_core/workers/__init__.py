"""Actors that hold the model: loaded once, used for every prefill, trial and validation of a model."""
