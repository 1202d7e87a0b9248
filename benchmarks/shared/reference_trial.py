"""One trial as the public reference runs it: a process of its own, the model loaded, every question prefilled.

Reads a JSON file with ``model``, ``maskers``, ``prompts`` and ``max_new_tokens``, and prints the seconds of its parts.
"""

from __future__ import annotations

import time

BEGIN = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402
import transformers  # noqa: E402, F401

from sparse_hub_core import SparseAttention, get_masker_config  # noqa: E402
from sparse_hub_core.attention.attachment import Attachment  # noqa: E402
from sparse_hub_core.evaluation import Meter  # noqa: E402
from sparse_hub_core.models.decoding import generate, prefill  # noqa: E402
from sparse_hub_core.models.loading import load_model  # noqa: E402
from sparse_hub_core.models.prompt import Prompt  # noqa: E402
from sparse_hub_core.models.source import ModelSource  # noqa: E402


def main() -> None:
    """Run the trial."""
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    imported = time.perf_counter()
    loaded = load_model(ModelSource("trial", job["model"]), "cpu")
    attention = SparseAttention([get_masker_config(name)(**parameters) for name, parameters in job["maskers"]])
    ready, prefilling, meter = time.perf_counter(), 0.0, Meter()
    for prefix, suffix in job["prompts"]:
        prompt = Prompt(tuple(prefix), tuple(suffix))
        begin = time.perf_counter()
        snapshot = prefill(loaded, prompt.prefix)
        prefilling += time.perf_counter() - begin
        attention.reset()
        generate(loaded, snapshot, prompt, job["max_new_tokens"], Attachment(attention, len(prefix), meter, True))
    error, end = sum(meter.by_layer().values()), time.perf_counter()
    parts = {"imports": imported - BEGIN, "load": ready - imported, "prefill": prefilling}
    print(json.dumps({**parts, "decode": end - ready - prefilling, "error": error}))


if __name__ == "__main__":
    main()
