"""Puts samples into padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch


@dataclass
class Sample:
    """One training sequence.

    Attributes:
        prefix: Token ids that every question sees.
        prefix_weights: Loss weight per prefix token, as a target.
        questions: Pairs of token ids and loss weights (as targets), one pair per question.
    """

    prefix: list[int]
    prefix_weights: list[float]
    questions: list[tuple[list[int], list[float]]] = field(default_factory=list)


@dataclass
class Batch:
    """Padded samples.

    Attributes:
        tokens: Ids, (batch, length); the questions of all rows start in the same column.
        positions: Positions, (batch, length).
        weights: Loss weights of the tokens as targets, (batch, length).
        mask: What the question columns may read, (batch, 1, length - prefix_length, length).
        prefix_length: The column in which the questions start.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    weights: torch.Tensor
    mask: torch.Tensor
    prefix_length: int


def collate(samples: Sequence[Sample], pad: int) -> Batch:
    """Pads samples and builds the mask that keeps questions apart.

    Args:
        samples: What `Generator.draw` returned.
        pad: The id of the padding token.

    Returns:
        The batch.
    """
    split = max(len(sample.prefix) for sample in samples)
    size = split + max(sum(len(tokens) for tokens, _ in sample.questions) for sample in samples)
    shape = (len(samples), size)
    tokens, positions, blocks = np.full(shape, pad), np.zeros(shape, np.int64), np.full(shape, -1)
    weights = np.zeros(shape, np.float32)
    for row, sample in enumerate(samples):
        end = len(sample.prefix)
        tokens[row, :end], weights[row, :end] = sample.prefix, sample.prefix_weights
        positions[row, :end], blocks[row, :end] = np.arange(end), 0
        start = split
        for number, (question, question_weights) in enumerate(sample.questions, 1):
            stop = start + len(question)
            tokens[row, start:stop], weights[row, start:stop] = question, question_weights
            positions[row, start:stop], blocks[row, start:stop] = end + np.arange(len(question)), number
            start = stop
    block = torch.from_numpy(blocks)
    mask = (block[:, None, :] == 0) | (block[:, None, :] == block[:, split:, None])
    mask &= torch.ones(size, size, dtype=torch.bool).tril()[split:]
    return Batch(torch.from_numpy(tokens), torch.from_numpy(positions), torch.from_numpy(weights), mask[:, None], split)
