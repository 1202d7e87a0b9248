"""Runs in a process of its own, because the hub's clients read HF_ENDPOINT when they are imported.

Reads a list of jobs from its input and prints what came of each: rows, an identity, a model, or the error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sparse_hub_core.benchmark import Benchmark
from sparse_hub_core.data.source import DataSource, HubDataset
from sparse_hub_core.errors import SparseHubError


class TinyBenchmark(Benchmark):
    """One subset, whose rows are those of the dataset it is given."""

    def __init__(self, data: DataSource, dataset: HubDataset) -> None:
        super().__init__(data)
        self.hub_dataset = dataset

    def requests(self, subset, lengths, seed):
        yield from ()

    def score(self, prediction, question):
        return 0.0

    def dataset(self, subset):
        return self.hub_dataset


KNOWN: dict = {}
"""Shared by the jobs that say so, as the tasks of a run share it."""


def benchmark(job: dict) -> TinyBenchmark:
    fields = {"repository": "org/books", "config": "qa", "columns": ("question", "answer")} | job.get("dataset", {})
    folder = job.get("folder")
    source = DataSource(
        "folder" if folder else "hub",
        Path(folder) if folder else None,
        job.get("revision"),
        known=KNOWN if job.get("shares") else None,
    )
    return TinyBenchmark(source, HubDataset(**fields))


def do(job: dict):
    match job["do"]:
        case "rows":
            rows = benchmark(job).rows("qa")
            return [dict(rows[index]) for index in range(min(len(rows), 5))]
        case "identity":
            return benchmark(job).data_identity("qa")
        case "model":
            from sparse_hub_core.models.loading import get_model

            loaded = get_model(job["name"])
            return [len(loaded.tokenizer), sum(weight.numel() for weight in loaded.model.parameters())]
        case "fingerprint":
            from sparse_hub_core.models.fingerprint import fingerprint
            from sparse_hub_core.models.source import resolve_model
            from sparse_hub_core.plugins import load_registry

            return fingerprint(resolve_model(load_registry(), job["name"]))


def main() -> None:
    for job in json.loads(sys.stdin.read()):
        try:
            result = {"value": do(job)}
        except SparseHubError as error:
            result = {"error": str(error), "kind": type(error).__name__}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
