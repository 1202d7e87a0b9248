"""A trace: what the dense run of one question read and gave, layer by layer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.snapshot import ModelFiles

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class LayerTrace:
    """One layer of the question and of the dense answer, n of whose m positions have their queries and outputs kept."""

    keys: torch.Tensor
    """``(1, Hkv, m, d)``, after the rotary embedding."""
    values: torch.Tensor
    """``(1, Hkv, m, d)``."""
    queries: torch.Tensor
    """``(1, Hq, n, d)`` of the last n positions."""
    outputs: torch.Tensor
    """``(1, Hq, n, d)`` of dense attention."""
    scoring: Scoring


@dataclass(frozen=True)
class Prefix:
    """One layer of the dense prefix."""

    keys: torch.Tensor
    """``(1, Hkv, n, d)``."""
    values: torch.Tensor
    """``(1, Hkv, n, d)``."""
    queries: torch.Tensor | None
    """``(1, Hq, q, d)`` the last ones."""


@dataclass(frozen=True)
class Trace:
    """The dense run of one question after its prefix."""

    prefix_length: int
    prefix: Mapping[int, Prefix]
    layers: Mapping[int, LayerTrace]
    """Of each layer that attends to the whole sequence, or of those that there was room for."""
    num_question_positions: int
    tokens: tuple[int, ...]
    """The dense answer."""
    logits: torch.Tensor
    """``(len(tokens), V)`` the dense logits that chose them."""


def trace_key(files: ModelFiles, prompt: Prompt, max_new_tokens: int, layers: Sequence[int]) -> str:
    """Return what identifies a trace: the model, every token of the prompt, the limit of the answer, and the layers."""
    content = repr((SCHEMA_VERSION, prompt.prefix, prompt.suffix, max_new_tokens, tuple(layers)))
    return f"{files.model_key}-trace-{hashlib.sha256(content.encode()).hexdigest()[:24]}"


def save_trace(files: ModelFiles, key: str, trace: Trace, with_prefix: bool) -> bool:
    """Write a trace; its prefix too where no snapshot of it is kept. Return whether there was room."""
    tensors: dict[str, torch.Tensor] = {"logits": trace.logits}
    scorings: dict[str, dict[str, float | None]] = {}
    for index, layer in trace.layers.items():
        tensors |= {f"{index}.{name}": getattr(layer, name) for name in ("keys", "values", "queries", "outputs")}
        scorings[str(index)] = {"scaling": layer.scoring.scaling, "softcap": layer.scoring.softcap}
        if layer.scoring.sink_logits is not None:
            tensors[f"{index}.sink_logits"] = layer.scoring.sink_logits
        if with_prefix:
            prefix = trace.prefix[index]
            tensors |= {f"{index}.prefix_keys": prefix.keys, f"{index}.prefix_values": prefix.values}
            if prefix.queries is not None:
                tensors[f"{index}.prefix_queries"] = prefix.queries
    header: dict[str, Any] = {
        **files.about,
        "kind": "trace",
        "length": trace.prefix_length,
        "num_question_positions": trace.num_question_positions,
        "tokens": list(trace.tokens),
        "scorings": scorings,
        "with_prefix": with_prefix,
    }
    return files.store.put(key, tensors, header)


def load_trace(files: ModelFiles, key: str, prompt: Prompt) -> Trace | None:
    """Return a trace that any process of the machine has written, or None where it or its prefix is gone."""
    found = files.store.get(key)
    if found is None:
        return None
    header, tensors = found.header, found.tensors
    layers = {int(index): _layer(tensors, index, scoring) for index, scoring in header["scorings"].items()}
    if header["with_prefix"]:
        prefix = {
            index: Prefix(
                tensors[f"{index}.prefix_keys"],
                tensors[f"{index}.prefix_values"],
                tensors.get(f"{index}.prefix_queries"),
            )
            for index in layers
        }
    else:
        snapshot = files.load_prefix(prompt)
        if snapshot is None:
            return None
        prefix = {index: Prefix(*snapshot.layers[index], snapshot.queries.get(index)) for index in layers}
    return Trace(
        header["length"],
        prefix,
        layers,
        header["num_question_positions"],
        tuple(header["tokens"]),
        tensors["logits"],
    )


def _layer(tensors: Mapping[str, torch.Tensor], index: str, scoring: Mapping[str, Any]) -> LayerTrace:
    sinks = tensors.get(f"{index}.sink_logits")
    return LayerTrace(
        tensors[f"{index}.keys"],
        tensors[f"{index}.values"],
        tensors[f"{index}.queries"],
        tensors[f"{index}.outputs"],
        Scoring(scoring["scaling"], scoring["softcap"], sinks),
    )
