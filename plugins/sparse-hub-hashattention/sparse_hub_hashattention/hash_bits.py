"""Sign bits, 32 to a word, and how many of them agree."""

from __future__ import annotations

import torch

WORD_BITS = 32
PAIRS_AT_ONCE = 1 << 18
"""Pairs of a query and a key whose words are compared at a time: buffers that stay in the cache cost a tenth."""
FLOAT32_BITS = 24
"""Whole numbers of so many bits are exact in float32."""


def packed_signs(values: torch.Tensor) -> torch.Tensor:
    """Return the signs of ``(..., bits)`` as words ``(..., bits / 32)`` int32; a set bit stands for a value above 0."""
    places = torch.arange(WORD_BITS, dtype=torch.int32, device=values.device)
    bits = (values > 0).to(torch.int32).view(*values.shape[:-1], values.shape[-1] // WORD_BITS, WORD_BITS)
    return (bits << places).sum(-1, dtype=torch.int32)


def agreement_scores(query_words: torch.Tensor, key_words: torch.Tensor) -> torch.Tensor:
    """Return scores that order keys by how many bits agree with the query's, and equal ones by their position.

    Without the position, which of equal keys are chosen would depend on how many keys follow.

    Args:
        query_words: ``(B, H, r, words)`` int32.
        key_words: ``(B, H, words, n)`` int32.

    Returns:
        ``(B, H, r, n)`` position - n * (bits that differ), exact in float32, or float64 where that takes more bits.
    """
    num_words, num_keys = key_words.shape[2:]
    fits = (num_words * WORD_BITS + 1) * num_keys <= 1 << FLOAT32_BITS
    exact = torch.float32 if fits else torch.float64
    scores = torch.empty(*query_words.shape[:3], num_keys, dtype=exact, device=key_words.device)
    positions = torch.arange(num_keys, device=key_words.device)
    step = max(1, PAIRS_AT_ONCE // max(1, query_words[..., 0].numel()))
    for start in range(0, num_keys, step):
        keys = slice(start, start + step)
        differing = _count_bits(query_words[..., :1] ^ key_words[:, :, :1, keys])
        for word in range(1, num_words):
            differing += _count_bits(query_words[..., word, None] ^ key_words[:, :, word, None, keys])
        piece = scores[..., keys]
        piece.copy_(differing)
        piece.mul_(-num_keys).add_(positions[keys])
    return scores


def _count_bits(words: torch.Tensor) -> torch.Tensor:
    """Count the bits of int32 words, which are overwritten: of pairs, of fours, of bytes, then of all four bytes.

    Shifts copy the sign bit into places that each mask leaves out.
    """
    words -= words >> 1 & 0x55555555
    pairs = words >> 2
    pairs &= 0x33333333
    words &= 0x33333333
    words += pairs
    words += words >> 4
    words &= 0x0F0F0F0F
    words *= 0x01010101
    words >>= 24
    return words
