"""Checks of a masker in a stack: it adds to what is there, or takes away from it, and nothing else."""

from __future__ import annotations

import torch

from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.conditions import restricts
from sparse_hub_core.testing.maskers.given import GivenConfig
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import attend, dense, draw, look, require_close


@check()
def keeps_what_is_read(subject: Subject) -> None:
    """What earlier maskers read stays read; a restricting one leaves sinks, window and blocks."""
    tensors = draw(subject, 40, subject.length, 2)
    for given in _given(subject):
        stack = [given] if subject.role == "restrict" else subject.without(given)
        before = look(subject, stack, tensors).probabilities
        after = look(subject, subject.behind(subject.small, given), tensors).probabilities
        lost = int((after < before - 1e-6).sum())
        require(
            not lost, f"{lost} of {int((before > 0).sum())} pairs that {given!r} reads are lost, or read less surely"
        )


@check(restricts)
def restricting_adds_nothing(subject: Subject) -> None:
    """A restricting masker reads no key that was not there."""
    tensors = draw(subject, 41, subject.length)
    for given in (None, *_given(subject)):
        before = look(subject, subject.without(given), tensors).probabilities
        after = look(subject, subject.behind(subject.small, given), tensors).probabilities
        added = int(((after > 0) & (before == 0)).sum())
        require(not added, f"{added} pairs are read that no selector chose")


@check()
def rows_keep_a_key(subject: Subject) -> None:
    """Behind one sink token, every query reads at least one key."""
    stack = subject.behind(subject.small, subject.given(first=1))
    for length in (1, 5, subject.length):
        probabilities = look(subject, stack, draw(subject, 42, length, 2)).probabilities
        empty = int((~(probabilities > 0).any(-1)).sum())
        require(not empty, f"{empty} queries of a sequence of {length} keys read nothing, though the sink was there")


@check()
def dense_stays_dense(subject: Subject) -> None:
    """Where everything is read already, the output is dense attention's."""
    tensors = draw(subject, 43, subject.length)
    ways = {"a slice": subject.given(first=subject.length), "a window": subject.given(last=subject.length)}
    if subject.role != "restrict":
        ways["indices"] = subject.given(stride=1)
    for way, given in ways.items():
        output = look(subject, subject.behind(subject.small, given), tensors).output
        require_close(output, dense(subject, tensors), f"everything is read as {way}, but the output is not dense")


@check()
def keys_stand_once(subject: Subject) -> None:
    """No key is chosen twice for a query, which would double its weight."""
    tensors = draw(subject, 44, subject.length)
    for given in (None, *_given(subject)):
        result = attend(subject, SparseAttention(subject.behind(subject.small, given)), tensors)
        assert isinstance(result.mask, Mask)
        chosen = result.mask.chosen()
        if chosen is None:
            continue
        count = result.mask.num_keys
        require(bool(((chosen[0] >= 0) & (chosen[0] < count))[chosen[1] > 0].all()), f"keys outside 0 to {count - 1}")
        twice = torch.zeros((*chosen[0].shape[:3], count + 1), device=chosen[0].device)
        twice.scatter_add_(3, torch.where(chosen[1] > 0, chosen[0], count), torch.ones_like(chosen[1]))
        number = int((twice[..., :-1] > 1).sum())
        require(not number, f"{number} keys stand twice in a row of chosen keys")


def _given(subject: Subject) -> list[GivenConfig]:
    partial = [subject.given(first=2, last=3), subject.given(stride=7), subject.given(first=3, last=4, stride=5)]
    return partial[:1] if subject.role == "restrict" else partial
