"""A masker of each kind that passes every check, which others break in one small way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Le

from sparse_hub_core import (
    ConfigError,
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    draw_keys,
    loguniform,
    random_ranks,
    resolve_size,
)

ConfigClass = type[MaskerConfig]


class SmallKeys(Masker):
    """A selector that passes every check: the keys of the smallest norm, which its index holds."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        layer.state["norms"] = GrowingTensor(layer.keys.norm(dim=-1))

    def on_append(self, layer: Layer, start: int) -> None:
        layer.state["norms"].append(layer.keys[:, :, start:].norm(dim=-1))

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return mask.with_top_keys(self.scores(layer, queries, mask), self.count(mask))

    def scores(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> torch.Tensor:
        norms = layer.state["norms"].tensor.float()
        return -norms[:, :, None].repeat(1, 1, mask.num_queries, 1)

    def count(self, mask: Mask) -> int:
        return resolve_size(self.config.heavy_size, mask.num_keys)


@dataclass(frozen=True)
class SmallKeysConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "heavy_size"
    masker: ClassVar[type[Masker]] = SmallKeys

    heavy_size: Size = 0.25

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        return {"heavy_size": loguniform(0.01, 0.5)}

    def infeasible_because(self, num_keys: int) -> str | None:
        return "it covers all keys" if resolve_size(self.heavy_size, num_keys) >= num_keys else None

    def max_keys(self, num_keys: int) -> int | None:
        return resolve_size(self.heavy_size, num_keys)

    def index_bits_per_key(self, head_dim: int) -> float:
        return 16.0


CONTENT = b"weights"


@dataclass(frozen=True)
class NamesAFile(SmallKeysConfig):
    """The same, with a file that it is identified by."""

    file_fields: ClassVar[tuple[str, ...]] = ("weights",)

    weights: str = __file__

    def __post_init__(self) -> None:
        super().__post_init__()
        if not Path(self.weights).is_file():
            raise ConfigError(f"{self.weights} is not there; name another file.")

    def identity(self) -> dict[str, Any]:
        return self.parameters() | {"weights": hashlib.sha256(Path(self.weights).read_bytes()).hexdigest()}


@dataclass(frozen=True)
class RefusesOtherContent(NamesAFile):
    """The same, which takes but one content."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if Path(self.weights).read_bytes() != CONTENT:
            raise ConfigError(f"{self.weights} is no file of weights; name another file.")

    def identity(self) -> dict[str, Any]:
        return self.parameters() | {"weights": "the only ones"}


class Sampler(Masker):
    """A sampler that passes every check."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        population = mask.num_unread()
        counts = (population * self.config.rate).long().clamp_min(1).minimum(population)
        draws = draw_keys(self.seed(), layer.index, mask.num_query_heads, mask.query_positions)
        indices = mask.nth_unread(random_ranks(population, 0, int(counts.max()), draws))
        real = torch.arange(indices.shape[-1]) < counts[..., None]
        return mask.with_keys(indices, torch.where(real, self.probability(counts, population)[..., None], 0.0))

    def seed(self) -> int:
        return int(self.config.seed)

    def probability(self, counts: torch.Tensor, population: torch.Tensor) -> torch.Tensor:
        return counts / population.clamp_min(1)


@dataclass(frozen=True)
class SamplerConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "rate"
    samples: ClassVar[bool] = True
    masker: ClassVar[type[Masker]] = Sampler

    rate: Annotated[float, Ge(0), Le(1)] = 0.25
    seed: int = 0

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]


class Thinning(Masker):
    """A restricting masker that passes every check: of the chosen keys it keeps those of the smallest norm."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        if mask.indices is None:
            return mask
        norms = layer.keys.norm(dim=-1).repeat_interleave(mask.indices.shape[1] // mask.num_kv_heads, 1)
        norms = norms[:, :, None].expand(-1, -1, mask.num_queries, -1)
        return mask.only_chosen(norms.gather(3, mask.indices) <= 4 + 60 * self.config.share**4)


@dataclass(frozen=True)
class ThinningConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "share"
    masker: ClassVar[type[Masker]] = Thinning

    share: Annotated[float, Ge(0), Le(1)] = 0.4

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]

    def max_keys(self, num_keys: int) -> int | None:
        return 0


class LastBlocks(Masker):
    """A masker of the prefix's own queries that passes every check: each block of queries and those right before."""

    stage: ClassVar[Literal["prefill", "decode"]] = "prefill"
    size = 64

    def __init__(self, config: Any) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        blocks = -(-mask.num_keys // self.size)
        near = torch.ones(blocks, blocks, dtype=torch.bool).triu(1 - max(1, int(self.config.share * blocks)))
        return mask.with_blocks(self.size, near.expand(mask.batch_size, mask.num_kv_heads, -1, -1))


@dataclass(frozen=True)
class LastBlocksConfig(MaskerConfig):
    budget_field: ClassVar[str | None] = "share"
    masker: ClassVar[type[Masker]] = LastBlocks

    share: Annotated[float, Ge(0), Le(1)] = 0.3

    def create_masker(self) -> Any:
        return self.masker(self)  # type: ignore[call-arg]


GOOD: dict[str, tuple[ConfigClass, Any]] = {
    "selector": (SmallKeysConfig, "selector"),
    "sampler": (SamplerConfig, "selector"),
    "restricting": (ThinningConfig, "restrict"),
    "prefill": (LastBlocksConfig, "prefill"),
}
