"""A tensor that grows at one dimension's end, so that an index is appended to and never copied key by key."""

from __future__ import annotations

import torch

MIN_ROOM = 64
"""Spare places that a buffer gets at least when it is made anew."""


class GrowingTensor:
    """Keeps what was appended in a buffer with room: a step costs what it adds, not what is there."""

    def __init__(self, first: torch.Tensor, dim: int = 2) -> None:
        self._dim = dim % first.ndim
        self._length = first.shape[self._dim]
        self._buffer = self._with_room(first)

    def __len__(self) -> int:
        return self._length

    @property
    def tensor(self) -> torch.Tensor:
        """All that was appended, as a view that the next ``append`` may leave behind."""
        return self._buffer.narrow(self._dim, 0, self._length)

    @property
    def num_bytes(self) -> int:
        """The size of what was appended, without the spare room."""
        return self.tensor.numel() * self._buffer.element_size()

    def append(self, new: torch.Tensor) -> None:
        """Add ``new`` at the end."""
        end = self._length + new.shape[self._dim]
        if end > self._buffer.shape[self._dim]:
            self._buffer = self._with_room(self.tensor, new.shape[self._dim])
        self._buffer.narrow(self._dim, self._length, new.shape[self._dim]).copy_(new)
        self._length = end

    def _with_room(self, content: torch.Tensor, wanted: int = 0) -> torch.Tensor:
        length = content.shape[self._dim]
        shape = list(content.shape)
        shape[self._dim] = length + wanted + max(MIN_ROOM, length // 8)
        buffer = content.new_empty(shape)
        buffer.narrow(self._dim, 0, length).copy_(content)
        return buffer
