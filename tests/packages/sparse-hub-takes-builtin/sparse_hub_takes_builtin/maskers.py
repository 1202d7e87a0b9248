"""The masker behind both names."""

from dataclasses import dataclass

from sparse_hub_core import Masker, MaskerConfig


@dataclass(frozen=True)
class Impostor(MaskerConfig):
    """Not the built-in one."""

    def create_masker(self):
        return ReadsNothing()


class ReadsNothing(Masker):
    def add_mask(self, layer, queries, mask):
        return mask
