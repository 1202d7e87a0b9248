"""The masker under test: its configurations, and the stacks it is tested in."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_type_hints

from sparse_hub_core.errors import ConfigError, UsageError
from sparse_hub_core.masker import MaskerConfig, Size, resolve_size
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry, Role
from sparse_hub_core.space import Domain, from_ray
from sparse_hub_core.testing.given import GivenConfig

TASK = "ruler/niah"
"""Search spaces are asked for on this task; they must not need it to exist."""
CHUNK = 12
"""Queries that follow the prefix."""
MAX_LAYERS = 256


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

    @classmethod
    def of(
        cls,
        masker: str | type[MaskerConfig],
        role: Role | None = None,
        config: MaskerConfig | None = None,
        registry: Registry | None = None,
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
        stage = config.create_masker().stage
        return cls(name, config_class, role or ("prefill" if stage == "prefill" else "selector"), config)

    @cached_property
    def stage(self) -> Literal["prefill", "decode"]:
        """Whose queries it masks."""
        return self.config.create_masker().stage

    @cached_property
    def layer(self) -> int:
        """The first layer that it does not leave dense."""
        masker = self.config.create_masker()
        return next((index for index in range(MAX_LAYERS) if not masker.reads_everything(index)), 0)

    @property
    def length(self) -> int:
        """The keys of a test sequence: prefill methods choose in blocks, so they need more to choose from."""
        return 400 if self.stage == "prefill" else 102

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(field.name for field in dataclasses.fields(self.config_class))

    @cached_property
    def space(self) -> dict[str, Domain]:
        """Its search space."""
        return {name: from_ray(domain) for name, domain in self.config_class.get_search_space(TASK).items()}

    @cached_property
    def small(self) -> MaskerConfig:
        """The configuration for short sequences: sizes are counts, which mean the same at every length."""
        hints = get_type_hints(self.config_class, include_extras=True)
        counts = {
            name: self._few(getattr(self.config, name)) for name in sorted(self.fields) if hints.get(name) == Size
        }
        return dataclasses.replace(self.config, **counts)

    def _few(self, size: int | float) -> int:
        return resolve_size(size, self.length) if isinstance(size, float) else min(size, self.length // 8)

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


def _default(config_class: type[MaskerConfig]) -> MaskerConfig:
    try:
        return config_class()
    except TypeError as error:
        raise UsageError(
            f"{config_class.__name__} cannot be made without arguments ({error}); hand masker_checks(config=...) one."
        ) from None


def parameters_of(config: MaskerConfig) -> dict[str, Any]:
    """Return the parameters, checked to be a dict."""
    return dict(config.parameters())
