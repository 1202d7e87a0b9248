"""Traces: the dense run of a request, recorded once, on which configurations are tried without running the model."""
