"""Writes the pages of the reference, which are made of the code: ``python -m docs_generator``."""
