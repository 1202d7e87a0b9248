"""Random draws that depend on nothing but a seed and a place, so that every process and device draws the same.

A seeded generator would make a draw depend on how many were made before it: on the batch, on the chunks a prompt is
fed in. Here each (seed, layer, head, query position) has a permutation of its own, of which any part can be asked for.
"""

from __future__ import annotations

import torch

_WORD = 0xFFFFFFFF
_ROUNDS = 4
MIN_BITS = 6
"""Permutations of fewer numbers are too few to be fair; what lies outside a smaller range is walked over."""


def draw_keys(seed: int, layer_index: int, num_heads: int, positions: torch.Tensor) -> torch.Tensor:
    """Return a 32-bit number for each head and query position, ``(1, H, Lq)``, that ``random_ranks`` draws by."""
    heads = torch.arange(num_heads, device=positions.device)[:, None]
    mixed = _mix(torch.tensor((seed ^ seed >> 32) & _WORD, device=positions.device))
    for part in (layer_index, heads, positions[None]):
        mixed = _mix(mixed * 31 + part + 0x9E3779B9 & _WORD)
    return mixed[None]


def random_ranks(population: torch.Tensor, start: int, stop: int, keys: torch.Tensor) -> torch.Tensor:
    """Return the elements ``start`` to ``stop`` of a pseudo-random permutation of ``range(population)``.

    Any prefix of a permutation is a simple random sample without replacement, and a longer prefix extends it.

    Args:
        population: ``(B, H, Lq)`` how many there are; elements beyond it repeat others, so leave them out.
        start: First place in the permutation.
        stop: End of the places.
        keys: ``(1 or B, H, Lq)`` from ``draw_keys``.

    Returns:
        ``(B, H, Lq, stop - start)`` ranks below ``population``.
    """
    places = torch.arange(start, stop, device=population.device)
    limit = population.clamp_min(1)[..., None]
    # By row, so that a draw depends on nothing but its own row, and few numbers fall outside the range.
    bits = torch.frexp((limit - 1).double()).exponent.to(torch.int64).clamp_min(MIN_BITS)
    numbers = keys.expand(population.shape)[..., None]
    shape = (*population.shape, stop - start)
    inside = (places < limit).expand(shape)
    drawn = _permute(places.expand(shape), numbers, bits)
    # Walking on from a number outside the range until one falls inside keeps it a permutation of the range.
    pending = (inside & (drawn >= limit)).nonzero(as_tuple=True)
    numbers, bits, limit = (tensor.expand(shape) for tensor in (numbers, bits, limit))
    while pending[0].numel():
        walked = _permute(drawn[pending], numbers[pending], bits[pending])
        drawn[pending] = walked
        still = walked >= limit[pending]
        pending = tuple(index[still] for index in pending)
    return torch.where(inside, drawn, 0)


def _permute(numbers: torch.Tensor, keys: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """Permute the numbers of so many bits: odd factors, sums and shifted xors can all be undone."""
    mask = (1 << bits) - 1
    for number in range(_ROUNDS):
        keys = _mix(keys + number)
        numbers = numbers * (keys | 1) + (keys >> 7) & mask
        numbers = numbers ^ numbers >> (bits + 1) // 2
    return numbers


def _mix(numbers: torch.Tensor) -> torch.Tensor:
    """Scramble 32-bit numbers held in int64."""
    numbers = (numbers ^ numbers >> 16) * 0x7FEB352D & _WORD
    numbers = (numbers ^ numbers >> 15) * 0x846CA68B & _WORD
    return numbers ^ numbers >> 16
