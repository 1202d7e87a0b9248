"""The command line: thin click commands over the orchestrator and the registry."""
