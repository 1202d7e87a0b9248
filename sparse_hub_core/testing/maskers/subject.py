"""The masker under test: its configurations, and the stacks it is tested in."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sparse_hub_core.errors import ConfigError, UsageError
from sparse_hub_core.masker import MaskerConfig, Size, resolve_size
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry, Role
from sparse_hub_core.space import Domain, from_ray
from sparse_hub_core.testing.check import Check
from sparse_hub_core.testing.maskers.given import GivenConfig
from sparse_hub_core.testing.maskers.one_thread import one_thread

TASK = "ruler/niah"
"""Search spaces are asked for on this task; they must not need it to exist."""
CHUNK = 12
"""Queries that follow the prefix."""
MAX_LAYERS = 256
SIZE = int | float
"""The type of a ``Size`` without its range."""


@dataclass(frozen=True)
class Subject:
    """A masker, as the checks see it.

    Raises:
        UsageError: Nothing of that name is registered, or its config cannot be made without arguments.
    """

    name: str
    config_class: type[MaskerConfig]
    role: Role
    config: MaskerConfig
    """Its defaults, or what was handed in to be checked."""
    heads: tuple[int, int] | None = None
    """The query heads and KV heads that it fits, None for all."""
    head_dim: int | None = None
    """The head dimension that it fits, None for all."""

    @classmethod
    def of(
        cls,
        masker: str | type[MaskerConfig],
        role: Role | None = None,
        config: MaskerConfig | None = None,
        registry: Registry | None = None,
        heads: tuple[int, int] | None = None,
        head_dim: int | None = None,
    ) -> Subject:
        """Return the subject behind a registered name or a config class."""
        if isinstance(masker, str):
            registry = registry or load_registry()
            entry = registry.get(registry.maskers, masker)
            name, config_class, role = entry.name, entry.load(), role or entry.role
        else:
            name, config_class = masker.__name__, masker
        if config is None:
            config = _default(config_class)
        if role is None:
            role = "prefill" if config.create_masker().stage == "prefill" else "selector"
        return cls(name, config_class, role, config, heads, head_dim)

    @property
    def known_failures(self) -> Mapping[str, str]:
        """Checks that it fails, each with the reason."""
        return self.config_class.known_failures

    @property
    def whole(self) -> bool:
        """All of it is under test."""
        return True

    @property
    def checks(self) -> tuple[Check[Any], ...]:
        """The checks of maskers."""
        # Imported here because every check imports this module.
        from sparse_hub_core.testing.maskers.catalogue import CHECKS

        return CHECKS

    def surroundings(self) -> AbstractContextManager[None]:
        """Return what a check runs in."""
        return one_thread()

    @cached_property
    def stage(self) -> Literal["prefill", "decode"]:
        """Whose queries it masks."""
        return self.config.create_masker().stage

    @cached_property
    def layer(self) -> int:
        """The first layer that it does not leave dense."""
        masker = self.config.create_masker()
        return next((index for index in range(MAX_LAYERS) if not masker.reads_everything(index)), 0)

    @cached_property
    def length(self) -> int:
        """The keys of a test sequence: few, but enough for the masker to find its settings feasible."""
        # Prefill methods choose whole blocks, so they need more to choose from.
        lengths = (400, 1600) if self.stage == "prefill" else (102, 410, 1640)
        enough = (length for length in lengths if self._counted(length).infeasible_because(length) is None)
        return next(enough, lengths[0])

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(field.name for field in dataclasses.fields(self.config_class))

    @cached_property
    def plain_floats(self) -> frozenset[str]:
        """The fields that hold a float and are no ``Size``."""
        hints = get_type_hints(self.config_class)
        return frozenset(
            name for name in self.fields if hints.get(name) != SIZE and isinstance(getattr(self.config, name), float)
        )

    @cached_property
    def files(self) -> dict[str, Path]:
        """The files that its config names, by field."""
        named = {name: getattr(self.config, name, None) for name in self.config_class.file_fields}
        return {name: Path(path) for name, path in named.items() if path is not None}

    @cached_property
    def space(self) -> dict[str, Domain]:
        """Its search space."""
        return {name: from_ray(domain) for name, domain in self.config_class.get_search_space(TASK).items()}

    @cached_property
    def small(self) -> MaskerConfig:
        """The configuration for short sequences: sizes are counts, which mean the same at every length."""
        return self._counted(self.length)

    def _counted(self, length: int) -> MaskerConfig:
        hints = get_type_hints(self.config_class, include_extras=True)
        sizes = {name: getattr(self.config, name) for name in sorted(self.fields) if hints.get(name) == Size}
        counts = {
            name: resolve_size(size, length) if isinstance(size, float) else min(size, length // 8)
            for name, size in sizes.items()
        }
        return dataclasses.replace(self.config, **counts)

    @cached_property
    def variants(self) -> tuple[MaskerConfig, ...]:
        """The small configuration, and others beside it: each option, and both ends of what is searched."""
        hints = get_type_hints(self.config_class)
        found = [self.small]
        for name in sorted(self.fields):
            domain, values = self.space.get(name), _options(hints.get(name))
            if domain is not None and hints[name] != SIZE:
                values = (domain.grid()[0], domain.grid()[-1])
            for value in values:
                try:
                    variant = dataclasses.replace(self.small, **{name: value})
                except ConfigError:
                    # An option may need another one beside it.
                    continue
                if variant not in found and variant.infeasible_because(self.length) is None:
                    found.append(variant)
        return tuple(found)

    def at_budget(self, share: float) -> MaskerConfig:
        """Return the small configuration with another budget."""
        assert self.config_class.budget_field is not None
        return dataclasses.replace(self.small, **{self.config_class.budget_field: share})

    def settings(self, count: int) -> Iterator[MaskerConfig]:
        """Yield the defaults, each value of the space's grid beside them, and joint draws; those that can be made."""
        yield self.config
        rng = random.Random(0)
        singles = ({name: value} for name, domain in self.space.items() for value in domain.grid())
        draws = ({name: domain.sample(rng) for name, domain in self.space.items()} for _ in range(count))
        for parameters in itertools.chain(singles, draws) if self.space else ():
            try:
                yield dataclasses.replace(self.config, **parameters)
            except (ConfigError, TypeError):
                # Another check tells that the space holds such a point.
                continue

    def given(self, **keys: int) -> GivenConfig:
        """Return keys that stand before it in a stack."""
        return GivenConfig(**keys, stage=self.stage)

    def behind(self, config: MaskerConfig, given: GivenConfig | None = None) -> list[MaskerConfig]:
        """Return the stack of keys given beforehand, of candidates where it restricts, and of the masker."""
        return [*self.without(given), config]

    def without(self, given: GivenConfig | None = None) -> list[MaskerConfig]:
        """Return the same stack without the masker."""
        stack: list[MaskerConfig] = [] if given is None else [given]
        if self.role == "restrict":
            stack.append(self.given(stride=2))
        return stack


def _options(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a field that has few."""
    if annotation is bool:
        return (False, True)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _default(config_class: type[MaskerConfig]) -> MaskerConfig:
    try:
        return config_class()
    except TypeError as error:
        raise UsageError(
            f"{config_class.__name__} cannot be made without arguments ({error}); hand masker_checks(config=...) one."
        ) from None
