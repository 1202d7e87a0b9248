"""Each masker fails in its own way; ``half_faulty`` only for one of its values."""

import os
import threading
from dataclasses import dataclass

import torch

from sparse_hub_core import Masker, MaskerConfig, choice


class Broken(Masker):
    def __init__(self, fault):
        self.fault = fault

    def add_mask(self, layer, queries, mask):
        if self.fault == "raise":
            raise ValueError("this masker cannot\ndo anything")
        if self.fault == "hang":
            threading.Event().wait()
        if self.fault == "die":
            os.kill(os.getpid(), 9)
        if self.fault == "exhaust":
            raise MemoryError("no room")
        if self.fault == "nan":
            layer.values.fill_(torch.nan)
        return mask


@dataclass(frozen=True)
class FaultyConfig(MaskerConfig):
    which: int = 0
    fault = "none"

    def create_masker(self):
        return Broken(self.fault)

    @staticmethod
    def get_search_space(task_name):
        return {"which": choice([0, 1])}


class RaisingConfig(FaultyConfig):
    fault = "raise"


class NanConfig(FaultyConfig):
    fault = "nan"


class HangingConfig(FaultyConfig):
    fault = "hang"


class DyingConfig(FaultyConfig):
    fault = "die"


class ExhaustingConfig(FaultyConfig):
    fault = "exhaust"


class NeverFeasibleConfig(FaultyConfig):
    def infeasible_because(self, num_keys):
        return f"nothing suits {num_keys} tokens"


class HalfFaultyConfig(FaultyConfig):
    def create_masker(self):
        return Broken("raise" if self.which else "none")
