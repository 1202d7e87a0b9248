"""What every masker is: a config (frozen, checked, searchable) and the masker it creates. Free of torch."""

from __future__ import annotations

import dataclasses
import functools
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, get_type_hints

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict, TypeAdapter, ValidationError

from sparse_hub_core.errors import ConfigError, did_you_mean
from sparse_hub_core.wrong_values import what_is_wrong

if TYPE_CHECKING:
    import torch
    from typing_extensions import Self

    from sparse_hub_core.attention.layer import Layer
    from sparse_hub_core.attention.mask import Mask
    from sparse_hub_core.space import Domain

Size: TypeAlias = Annotated[int, Ge(1)] | Annotated[float, Gt(0), Le(1)]
"""A number of keys: an int is a count, a float is a share of all keys that a call has, the last query's included."""

SIZE_RANGE = "it must be a whole number of at least 1, or a share above 0 and up to 1.0"

Stage: TypeAlias = Literal["prefill", "decode"]
"""Whose queries are masked: the prefix's own, or those after it."""


def resolve_size(size: int | float, num_keys: int) -> int:
    """Return the number of keys a size stands for; a share that would round to no key gives one."""
    if isinstance(size, int):
        return min(size, num_keys)
    return max(1, int(size * num_keys))


def covers_context(field: str, size: int | float, num_keys: int) -> str | None:
    """Return why a budget makes no sense for a context of so many keys: it is all of them; else None."""
    if resolve_size(size, num_keys) < num_keys:
        return None
    return f"{field} {size} covers the whole context of {num_keys} tokens"


@dataclass(frozen=True)
class MaskerConfig(ABC):
    """The hyperparameters of a masker.

    Subclasses are frozen dataclasses whose fields say their range in their annotation, such as
    ``lsh_l: Annotated[int, Ge(1)] = 75``; every field is checked whenever a config is made. What a subclass declares
    beside its fields is what the conformance kit holds it to.

    Raises:
        ConfigError: A field has the wrong type or is outside its range.
    """

    budget_field: ClassVar[str | None] = None
    """The field that takes a share of the keys: density grows with it, and 1.0 reads every legal key."""
    samples: ClassVar[bool] = False
    """Whether keys are drawn with inclusion probabilities, so that the mean over ``seed`` is dense attention."""
    scores_every_key: ClassVar[bool] = False
    """Whether choosing reads all keys themselves, as exact top-k does."""
    file_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that name a file; a config with one that is not there is refused when it is made."""
    known_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of the conformance kit that this masker cannot pass, each with the reason."""

    def __post_init__(self) -> None:
        for name, adapter in _field_adapters(type(self)).items():
            value = getattr(self, name)
            try:
                adapter.validate_python(value, strict=True)
            except ValidationError as error:
                wrong = SIZE_RANGE if name in _sizes(type(self)) else what_is_wrong(error.errors())
                raise ConfigError(f"{type(self).__name__}.{name} = {value!r} is out of range: {wrong}.") from None

    @abstractmethod
    def create_masker(self) -> Masker:
        """Return a new masker with these hyperparameters."""

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return a domain for each field worth searching on this task; the other fields keep their defaults."""
        return {}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return why this configuration makes no sense for a prefix of so many keys, or None."""
        return None

    def max_keys(self, num_keys: int) -> int | None:
        """Return how many keys are added for one query at most, or None where that is not known beforehand."""
        return None

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of its own index that choosing reads per key and KV head, beside a cache of 16-bit values."""
        return 0.0

    def identity(self) -> dict[str, Any]:
        """Return what identifies this configuration's results: the fields, and a digest of each file they name."""
        return self.parameters()

    def parameters(self) -> dict[str, Any]:
        """Return the fields as a plain dict that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """Return a config with these fields.

        Raises:
            ConfigError: A field is unknown, or its value is out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        for name in parameters:
            if name not in known:
                raise ConfigError(f"{cls.__name__} has no field {name!r}: {did_you_mean(name, known)}")
        return cls(**{name: _from_json(cls, name, value) for name, value in parameters.items()})


class Masker(ABC):
    """Chooses keys to read; one instance per ``SparseAttention``, what it remembers lives in ``layer.state``."""

    stage: ClassVar[Stage] = "decode"
    """Whose queries it masks: the prefix's own, or those after it. The others run densely unless a masker is theirs."""

    adds_keys: ClassVar[bool] = True
    """Whether it can add keys at all; a stage whose maskers all cannot is dense."""

    def reads_everything(self, layer_index: int) -> bool:
        """Return whether a layer is to stay dense, so that no masker of the stack is asked there."""
        return False

    def on_prefill(self, layer: Layer) -> None:  # noqa: B027 - most maskers keep no state
        """Prepare for a new sequence: ``layer.keys`` and ``layer.values`` hold the complete prefix."""

    def on_append(self, layer: Layer, start: int) -> None:  # noqa: B027 - most maskers keep no state
        """Take note that the keys from ``start`` on are new."""

    @abstractmethod
    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Return the mask with this masker's keys added; queries are ``(B, Hq, Lq, d)``."""


def _from_json(config_class: type[MaskerConfig], name: str, value: Any) -> Any:
    """Return a field's value: JSON has neither tuples nor nested configs, so lists and dicts may stand for them."""
    if not isinstance(value, (list, dict)):
        return value
    try:
        return _field_adapters(config_class)[name].validate_json(json.dumps(value), strict=True)
    except (ValidationError, TypeError):
        # What is wrong with it is told when the config is made.
        return value


@functools.cache
def _sizes(config_class: type[MaskerConfig]) -> frozenset[str]:
    """Return the names of the fields that take a count or a share of keys."""
    return frozenset(name for name, hint in get_type_hints(config_class, include_extras=True).items() if hint == Size)


@functools.cache
def _field_adapters(config_class: type[MaskerConfig]) -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(config_class, include_extras=True)
    names = [field.name for field in dataclasses.fields(config_class)]
    return {
        name: TypeAdapter(hints[name], config=ConfigDict(allow_inf_nan=False))
        if not dataclasses.is_dataclass(hints[name])
        else TypeAdapter(hints[name])
        for name in names
    }
