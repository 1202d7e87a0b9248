"""The masker of package b."""

from dataclasses import dataclass

from sparse_hub_core import Masker, MaskerConfig


@dataclass(frozen=True)
class TwinB(MaskerConfig):
    """The twin of package b."""

    def create_masker(self):
        return ReadsNothing()


class ReadsNothing(Masker):
    def add_mask(self, layer, queries, mask):
        return mask
