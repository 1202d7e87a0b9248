"""A JSON object of uuids, one of whose values is asked for."""

from __future__ import annotations

import json
from random import Random
from uuid import UUID

from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task, stream
from sparse_hub_benchmarks_builtin.infinite_bench.generated.asking import ask


def _render(key: str, units: int) -> Sample:
    random = stream(key, "pairs")
    asked, value, *others = (_uuid(random) for _ in range(2 * units))
    pairs = list(zip(others[::2], others[1::2], strict=True))
    # A fraction of the object, so that the pair keeps its place while the length is being fitted.
    pairs.insert(int(stream(key, "place").random() * units), (asked, value))
    return ask("kv_retrieval", f"JSON data:\n{json.dumps(dict(pairs))}", f'Key: "{asked}"', value)


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


KV_RETRIEVAL = Task(_render, smallest=2)
