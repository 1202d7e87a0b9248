"""Record the dense run of a question, unless any process of the machine has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers.cache_utils import DynamicCache

from sparse_hub_core.attention.attachment import Attachment
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.models.decoding import decode, prefill, restored
from sparse_hub_core.models.loading import LoadedModel
from sparse_hub_core.models.prefixes import prefix_snapshot
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.snapshot import ModelFiles, PrefixSnapshot
from sparse_hub_core.traces.trace import LayerTrace, Prefix, Trace, load_trace, save_trace, trace_key

MAX_POSITIONS = 256
"""So many of the last positions have their queries and outputs kept; all keys and values are."""


@dataclass
class _Recorder:
    queries: dict[int, list[torch.Tensor]] = field(default_factory=dict)
    outputs: dict[int, list[torch.Tensor]] = field(default_factory=dict)
    scorings: dict[int, Scoring] = field(default_factory=dict)

    def record(self, layer_idx: int, queries: torch.Tensor, outputs: torch.Tensor, scoring: Scoring) -> None:
        self.queries.setdefault(layer_idx, []).append(queries)
        self.outputs.setdefault(layer_idx, []).append(outputs)
        self.scorings[layer_idx] = scoring

    def layer(self, index: int, cache: DynamicCache, prefix_length: int) -> LayerTrace:
        """Return what was recorded of a layer, on the CPU."""
        return LayerTrace(
            cache.layers[index].keys[:, :, prefix_length:].cpu(),
            cache.layers[index].values[:, :, prefix_length:].cpu(),
            torch.cat(self.queries[index], dim=2)[:, :, -MAX_POSITIONS:].cpu(),
            torch.cat(self.outputs[index], dim=2)[:, :, -MAX_POSITIONS:].cpu(),
            _on_cpu(self.scorings[index]),
        )


def _on_cpu(scoring: Scoring) -> Scoring:
    sinks = scoring.sink_logits
    return scoring if sinks is None else Scoring(scoring.scaling, scoring.softcap, sinks.detach().cpu())


def record(
    loaded: LoadedModel,
    snapshot: PrefixSnapshot,
    prompt: Prompt,
    max_new_tokens: int,
    layers: Sequence[int],
) -> Trace:
    """Answer a question densely and return its trace, of those of its layers that are asked for."""
    recorder, logits = _Recorder(), list[torch.Tensor]()
    attachment = Attachment(None, len(prompt.prefix), unpadded=True, recorder=recorder)
    cache = restored(loaded, snapshot, attachment, len(prompt.suffix) + max_new_tokens)
    said = decode(loaded, cache, prompt.suffix, max_new_tokens, attachment, kept_logits=logits)
    return Trace(
        snapshot.length,
        {index: Prefix(*snapshot.layers[index], snapshot.queries.get(index)) for index in layers},
        {index: recorder.layer(index, cache, snapshot.length) for index in layers},
        len(prompt.suffix),
        said.tokens,
        torch.stack(logits).cpu(),
    )


def question_trace(
    loaded: LoadedModel,
    prompt: Prompt,
    max_new_tokens: int,
    files: ModelFiles,
    layers: Sequence[int],
    keeps_prefix: bool,
) -> Trace:
    """Return a question's trace, recorded now only when no process of the machine has."""
    key = trace_key(files, prompt, max_new_tokens, layers)
    found = load_trace(files, key, prompt)
    if found is not None:
        return found
    with files.store.making(key):
        found = load_trace(files, key, prompt)
        if found is None:
            snapshot = prefix_snapshot(loaded, prompt, files) if keeps_prefix else prefill(loaded, prompt.prefix)
            found = record(loaded, snapshot, prompt, max_new_tokens, layers)
            save_trace(files, key, found, with_prefix=not keeps_prefix)
    return found
