"""The figures of the page: each is a pure function from a run's objects to what plotly draws."""
