"""The run directory: schema, atomic writes, identity and resume."""
