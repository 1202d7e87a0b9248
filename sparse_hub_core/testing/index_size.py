"""The check of what the index costs, on which I/O density rests."""

from __future__ import annotations

import torch

from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.conditions import decodes
from sparse_hub_core.testing.driving import prefilled, step, tensors_in
from sparse_hub_core.testing.subject import Subject
from sparse_hub_core.testing.tensors import Tensors, draw

LENGTHS = (512, 1024)
NEW = 4
BITS = 8
ROUNDING = 0.02


@check(decodes)
def index_is_as_large_as_declared(subject: Subject) -> None:
    """What is kept per key and KV head, beside a bf16 cache, is between 1 and 2 times index_bits_per_key."""
    for config in subject.variants:
        short, long = (draw(subject, 60, length).to(torch.bfloat16) for length in LENGTHS)
        _, kv_heads, _, head_dim = short.keys.shape
        declared = config.index_bits_per_key(head_dim)
        fewer, more = (_kept_bits(subject, config, tensors) for tensors in (short, long))
        kept = (more - fewer) / ((LENGTHS[1] - LENGTHS[0]) * kv_heads)
        require(
            declared * (1 - ROUNDING) <= kept <= 2 * declared * (1 + ROUNDING),
            f"{config} declares {declared:g} index bits at head_dim {head_dim}, but keeps {kept:g} per key and KV head",
        )


def _kept_bits(subject: Subject, config: MaskerConfig, tensors: Tensors) -> int:
    start = tensors.length - NEW
    layer = prefilled(subject, config, tensors, start)
    step(subject, config, layer, tensors, start)
    return sum(tensor.numel() * tensor.element_size() * BITS for _, tensor in tensors_in(layer.state))
