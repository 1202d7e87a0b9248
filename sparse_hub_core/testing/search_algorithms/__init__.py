"""The conformance kit's checks of search algorithms."""
