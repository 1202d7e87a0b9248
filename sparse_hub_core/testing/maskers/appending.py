"""Checks of what appending a key costs."""

from __future__ import annotations

import torch

from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.conditions import decodes
from sparse_hub_core.testing.maskers.driving import appended, prefilled, tensors_in
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import draw

LENGTH, PREFIX, OLD = 1110, 1100, 128
"""A page that is not yet full may be looked at again, so only keys that are older than that must stay unread."""


@check(decodes)
def appending_leaves_old_keys_alone(subject: Subject) -> None:
    """A key that is appended never has the index of the old ones computed again."""
    tensors, config = draw(subject, 20, LENGTH, 2), subject.small
    layer = prefilled(subject, config, tensors, PREFIX)
    state = dict(tensors_in(appended(config, layer, tensors, PREFIX).state))
    # An index that is only appended to cannot tell that the keys it was made of are others by now.
    others = dict(tensors_in(appended(config, layer, tensors.changed(0, OLD, 5.0), PREFIX).state))
    require(state.keys() == others.keys(), "what is kept depends on keys that were there before")
    for where, tensor in state.items():
        other = others[where]
        same = tensor.shape == other.shape and torch.equal(tensor.nan_to_num(), other.nan_to_num())
        require(same, f"on_append reads old keys again: {where} changes with them")
