"""The check of what the index costs, on which I/O density rests."""

from __future__ import annotations

import torch

from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.conditions import decodes
from sparse_hub_core.testing.driving import prefilled, step, tensors_in
from sparse_hub_core.testing.subject import Subject
from sparse_hub_core.testing.tensors import HEAD_DIM, HEADS, draw

LENGTHS = (512, 1024)
NEW = 4
BITS = 8
ROUNDING = 0.02


@check(decodes)
def index_is_as_large_as_declared(subject: Subject) -> None:
    """What is kept per key and KV head, beside a bf16 cache, is between 1 and 2 times index_bits_per_key."""
    declared = subject.small.index_bits_per_key(HEAD_DIM)
    fewer, more = (_kept_bits(subject, length) for length in LENGTHS)
    measured = (more - fewer) / ((LENGTHS[1] - LENGTHS[0]) * HEADS[1])
    require(
        declared * (1 - ROUNDING) <= measured <= 2 * declared * (1 + ROUNDING),
        f"index_bits_per_key({HEAD_DIM}) is {declared:g}, but {measured:g} bits are kept per key and KV head",
    )


def _kept_bits(subject: Subject, length: int) -> int:
    tensors = draw(60, length).to(torch.bfloat16)
    layer = prefilled(subject, subject.small, tensors, length - NEW)
    step(subject, subject.small, layer, tensors, length - NEW)
    return sum(tensor.numel() * tensor.element_size() * BITS for _, tensor in tensors_in(layer.state))
