"""A preset becomes one flat search space; a trial's parameters become masker configs again."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparse_hub_core.errors import ConfigError, UsageError
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.space import Domain, from_ray

StackEntry = type[MaskerConfig] | MaskerConfig


@dataclass(frozen=True)
class Optimizer:
    """Translates between one stack of maskers and one flat search space; see ``create_optimizer``."""

    stack: tuple[StackEntry, ...]
    prefixes: tuple[str, ...]

    def create_search_space(self, task_name: str) -> dict[str, Domain]:
        """Return the domains of all searched maskers, each name prefixed with its masker's.

        Raises:
            UsageError: A masker's search space names something that is not a field of its config.
        """
        space: dict[str, Domain] = {}
        for prefix, entry in zip(self.prefixes, self.stack, strict=True):
            if isinstance(entry, MaskerConfig):
                continue
            fields = {field.name for field in dataclasses.fields(entry)}
            for name, domain in entry.get_search_space(task_name).items():
                if name not in fields:
                    raise UsageError(
                        f"The search space of {entry.__name__} names {name!r}, which is not one of its fields: "
                        f"{', '.join(sorted(fields))}."
                    )
                space[f"{prefix}_{name}"] = from_ray(domain)
        return space

    def create_config_from_params(self, params: Mapping[str, Any]) -> list[MaskerConfig]:
        """Return the masker configs that a trial's flat parameters stand for.

        Raises:
            ConfigError: A parameter belongs to no masker of the stack, or its value is out of range.
        """
        owned: list[dict[str, Any]] = [{} for _ in self.stack]
        for key, value in params.items():
            index, name = self._owner(key)
            owned[index][name] = value
        return [
            entry if isinstance(entry, MaskerConfig) else entry.from_parameters(mine)
            for entry, mine in zip(self.stack, owned, strict=True)
        ]

    def _owner(self, key: str) -> tuple[int, str]:
        for index, (prefix, entry) in enumerate(zip(self.prefixes, self.stack, strict=True)):
            name = key.removeprefix(f"{prefix}_")
            if name == key or isinstance(entry, MaskerConfig):
                continue
            if name in {field.name for field in dataclasses.fields(entry)}:
                return index, name
        raise ConfigError(f"The parameter {key!r} belongs to no searched masker of {', '.join(self.prefixes)}.")


def create_optimizer(
    masker_configs: Sequence[StackEntry], names: Mapping[type[MaskerConfig], str] | None = None
) -> Optimizer:
    """Return the optimizer of a stack: config classes are searched, instances stay as they are.

    Args:
        masker_configs: The stack, in the order in which the maskers add keys.
        names: The registered name of each config class; a class that is not there is named after itself.

    Raises:
        UsageError: An entry is neither a masker config class nor an instance of one.
    """
    prefixes: list[str] = []
    taken: set[str] = set()
    for entry in masker_configs:
        config_class = entry if isinstance(entry, type) else type(entry)
        if not issubclass(config_class, MaskerConfig):
            raise UsageError(f"{entry!r} is neither a MaskerConfig class nor an instance of one.")
        name = (names or {}).get(config_class) or class_prefix(config_class)
        names_of_fields = [field.name for field in dataclasses.fields(config_class)]
        candidates = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
        prefix = next(p for p in candidates if p not in prefixes and not taken & _keys(p, names_of_fields))
        prefixes.append(prefix)
        # Two maskers "a" with a field "b_c" and "a_b" with a field "c" would both own "a_b_c".
        taken |= _keys(prefix, names_of_fields)
    return Optimizer(tuple(masker_configs), tuple(prefixes))


def _keys(prefix: str, names_of_fields: Sequence[str]) -> set[str]:
    return {f"{prefix}_{name}" for name in names_of_fields}


def class_prefix(config_class: type[MaskerConfig]) -> str:
    """Return a name for a config class that nobody registered: ``MyMaskerConfig`` gives ``my``."""
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+", config_class.__name__)
    stem = [word.lower() for word in words if word.lower() not in ("masker", "config")]
    return "_".join(stem) or config_class.__name__.lower()
