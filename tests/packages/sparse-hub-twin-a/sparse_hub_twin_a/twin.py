"""The masker of package a."""

from dataclasses import dataclass

from sparse_hub_core import Masker, MaskerConfig


@dataclass(frozen=True)
class TwinA(MaskerConfig):
    """The twin of package a."""

    def create_masker(self):
        return ReadsNothing()


class ReadsNothing(Masker):
    def add_mask(self, layer, queries, mask):
        return mask
