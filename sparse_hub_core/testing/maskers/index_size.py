"""Checks of what choosing costs, on which I/O density rests."""

from __future__ import annotations

import copy
import dataclasses

import torch

from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.conditions import chooses_by_index, decodes
from sparse_hub_core.testing.maskers.driving import appended, masked, prefilled, step, tensors_in
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import Tensors, draw

LENGTHS = (512, 1024)
NEW = 4
OPEN = 64
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


@check(decodes, chooses_by_index)
def unread_keys_are_counted(subject: Subject) -> None:
    """Unless scores_every_key is declared, choosing relies on the index and not on the prefix's keys themselves."""
    tensors, start = draw(subject, 61, subject.length), subject.length - 1
    for config in subject.variants:
        layer = appended(config, prefilled(subject, config, tensors, start), tensors, start)
        # Keys of a page that is not full yet may be looked at again.
        others = tensors.changed(0, start - OPEN, 3.0)
        one, other = (
            masked(
                subject,
                config,
                dataclasses.replace(layer, keys=given.keys, values=given.values, state=copy.deepcopy(layer.state)),
                tensors.queries[:, :, start:],
            ).to_dense()
            for given in (tensors, others)
        )
        number = int(((one > 0) != (other > 0)).sum())
        require(
            not number,
            f"{config} chooses by the keys of the prefix themselves ({number} pairs change with them), which counts as "
            "nothing in I/O density: keep what it needs in an index, or declare scores_every_key",
        )


def _kept_bits(subject: Subject, config: MaskerConfig, tensors: Tensors) -> int:
    start = tensors.length - NEW
    layer = prefilled(subject, config, tensors, start)
    step(subject, config, layer, tensors, start)
    return sum(tensor.numel() * tensor.element_size() * BITS for _, tensor in tensors_in(layer.state))
