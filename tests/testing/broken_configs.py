"""Configs that cannot be searched, kept or found again."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from breaking import breaks
from good_maskers import (
    Sampler,
    SamplerConfig,
    SmallKeys,
    SmallKeysConfig,
)

from sparse_hub_core import (
    Domain,
    Layer,
    Mask,
    choice,
    loguniform,
)
from sparse_hub_core.space import Real


@breaks("unknown_keys_raise")
class TakesAnything(SmallKeysConfig):
    @classmethod
    def from_parameters(cls, parameters: Any) -> Any:
        return cls(**{name: value for name, value in parameters.items() if name == "heavy_size"})


@breaks("fields_are_frozen")
class HoldsAList(SmallKeysConfig):
    layers: list[int] = dataclasses.field(default_factory=list)


@breaks("copies_are_equal")
class CopiesItsDefaults(SmallKeysConfig):
    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)()


class CountsDown(SmallKeys):
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        object.__setattr__(self.config, "heavy_size", self.config.heavy_size - 1)
        return super().add_mask(layer, queries, mask)


@breaks("running_leaves_the_config")
class ChangesItself(SmallKeysConfig):
    masker = CountsDown


@breaks("missing_files_are_named")
class ReadsItsFileLate(SmallKeysConfig):
    file_fields = ("weights",)
    weights: str | None = None


@breaks("files_are_identified_by_content")
class IdentifiesItsFileByPath(SmallKeysConfig):
    file_fields = ("weights",)
    weights: str = __file__


@breaks("files_are_identified_by_content")
class IgnoresItsFile(IdentifiesItsFileByPath):
    def identity(self) -> dict[str, Any]:
        return {"heavy_size": self.heavy_size}


@breaks("known_failures_have_reasons")
class ExcusesAMissingCheck(SmallKeysConfig):
    known_failures = {"is_perfect": "nobody is perfect, and this check is not there"}  # noqa: RUF012


@breaks("space_names_fields")
class MisspellsItsField(SmallKeysConfig):
    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavysize": choice([1, 2])}


@breaks("space_points_construct")
class SearchesBeyondItsRange(SmallKeysConfig):
    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavy_size": loguniform(0.5, 1.5)}


@breaks("space_converts_to_searchers")
class SearchesFromZero(SmallKeysConfig):
    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavy_size": Real(0.0, 0.5, log=True)}


@breaks("feasible_somewhere")
class WantsFewKeys(SmallKeysConfig):
    def infeasible_because(self, num_keys: int) -> str | None:
        return f"{num_keys} keys are too many" if num_keys > 100_000 else None


@breaks("infeasible_says_why")
class SaysNo(SmallKeysConfig):
    def infeasible_because(self, num_keys: int) -> Any:
        return "no" if num_keys < 8 else None


@breaks("json_round_trip")
class TellsOnlySome(SmallKeysConfig):
    def parameters(self) -> dict[str, Any]:
        return {}


@breaks("identity_is_stable")
class IdentifiesByHash(SmallKeysConfig):
    def identity(self) -> dict[str, Any]:
        return {"hash": hash(str(self.heavy_size))}


class SeededByHash(Sampler):
    def seed(self) -> int:
        return hash("this masker") % 2**32


@breaks("same_mask_in_another_process")
class DrawsByHash(SamplerConfig):
    masker = SeededByHash
