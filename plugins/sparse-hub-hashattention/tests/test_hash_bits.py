"""Packed bits and how many of them agree, against counting them one by one."""

from __future__ import annotations

import pytest
import torch
from sparse_hub_hashattention import hash_bits
from sparse_hub_hashattention.hash_bits import agreement_scores, packed_signs


def values(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_32_signs_are_kept_in_a_word() -> None:
    signs = values(0, 3, 5, 64)
    words = packed_signs(signs)
    assert (words.shape, words.dtype) == ((3, 5, 2), torch.int32)
    bits = torch.stack([(words[..., place // 32].long() >> place % 32) & 1 for place in range(64)], dim=-1)
    assert torch.equal(bits.bool(), signs > 0)


@pytest.mark.parametrize(("bits", "num_keys"), [(32, 1), (32, 700), (96, 300), (512, 50000)])
def test_keys_are_ordered_by_agreeing_bits_and_then_by_position(bits: int, num_keys: int) -> None:
    """Half of the keys are nearly opposite; in the last case their distances are beyond what float32 can count."""
    queries, keys = values(1, 1, 2, 3, bits), values(2, 1, 2, num_keys, bits)
    keys[:, :, num_keys // 2 :] -= 9 * queries[:, :, :1]
    scores = agreement_scores(packed_signs(queries), packed_signs(keys).transpose(2, 3))
    signs_of_queries, signs_of_keys = ((tensor > 0) * 2.0 - 1 for tensor in (queries, keys))
    agreeing = ((signs_of_queries @ signs_of_keys.transpose(2, 3) + bits) / 2).long()
    order = (agreeing * num_keys + torch.arange(num_keys)).argsort(dim=-1)
    assert torch.equal(scores.argsort(dim=-1), order)
    assert (scores.sort(dim=-1).values.diff(dim=-1) > 0).all()


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, keys = packed_signs(values(3, 2, 2, 4, 64)), packed_signs(values(4, 2, 2, 50, 64)).transpose(2, 3)
    whole = agreement_scores(queries, keys)
    monkeypatch.setattr(hash_bits, "PAIRS_AT_ONCE", 100)
    assert torch.equal(agreement_scores(queries, keys), whole)


def test_words_are_left_as_they_are() -> None:
    queries, keys = packed_signs(values(5, 1, 1, 2, 32)), packed_signs(values(6, 1, 1, 9, 32)).transpose(2, 3)
    before = queries.clone(), keys.clone()
    agreement_scores(queries, keys)
    assert torch.equal(queries, before[0])
    assert torch.equal(keys, before[1])
