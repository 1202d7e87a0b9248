"""A benchmark in a package of its own; registering it imports nothing heavy."""

from sparse_hub_core import hookimpl


@hookimpl
def register_benchmarks(register):
    register(
        "echo",
        "sparse_hub_echo.echo:Echo",
        subsets=("repeat",),
        metric="contains",
        score_range=(0.0, 100.0),
        summary="magic numbers of several words, one of which is asked for",
        licence="Apache-2.0",
        generated=True,
    )
