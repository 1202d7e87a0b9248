"""A local window: each query reads the keys right before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparse_hub_core import Domain, Layer, Mask, Masker, MaskerConfig, Size, choice, resolve_size


@dataclass(frozen=True)
class LocalMaskerConfig(MaskerConfig):
    """The last ``window_size`` keys of each query, its own included; https://arxiv.org/abs/2309.17453.

    They are read as one slice: choosing costs nothing, and there is no state.
    """

    budget_field: ClassVar[str] = "window_size"

    window_size: Size = 128

    def create_masker(self) -> LocalMasker:
        """Return the masker."""
        return LocalMasker(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return from a sentence to a page."""
        return {"window_size": choice([16, 32, 64, 128, 256, 512, 1024])}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the window is the whole context."""
        if isinstance(self.window_size, int) and self.window_size >= num_keys:
            return f"window_size {self.window_size} covers the whole context of {num_keys} tokens"
        return None

    def max_keys(self, num_keys: int) -> int:
        """Return the size of the window."""
        return resolve_size(self.window_size, num_keys)


class LocalMasker(Masker):
    """Adds the last keys as a slice."""

    def __init__(self, config: LocalMaskerConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the keys right before each query; nothing is read to choose them."""
        return mask.with_window(resolve_size(self.config.window_size, mask.num_keys))
