"""The page of the maskers: what each one registered, declares and says of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import get_type_hints

from docs_generator.markdown import code, codes, facts, page, prose, sentence, table
from sparse_hub_core.cli.description import domain_text, own_docstring, type_text
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.registry import MaskerEntry, Registry
from sparse_hub_core.space import from_ray

HEAD_DIM = 128
FEW_PRESETS = 10
TASK = "ruler/niah_multikey_2"

INTRODUCTION = """
Every masker of this repository, made of what it declares; `sparse-hub describe NAME` prints the same, of any installed
one. [Maskers compared](../maskers.md) says how they differ and what a decode step costs.
""".strip()


def maskers_page(registry: Registry, packages: Mapping[str, str]) -> str:
    """Return the page."""
    rows = [
        (f"[{entry.name}](#{entry.name})", entry.role, sentence(prose(entry.summary)), entry.provenance.distribution)
        for entry in registry.maskers
    ]
    parts = [table(("masker", "role", "what it reads", "package"), rows)]
    for entry in registry.maskers:
        parts += _section(registry, entry, packages)
    return page("Every masker", INTRODUCTION, *parts)


def _section(registry: Registry, entry: MaskerEntry, packages: Mapping[str, str]) -> Iterator[str]:
    config_class: type[MaskerConfig] = entry.load()
    presets = [preset.name for preset in registry.presets if entry.name in preset.maskers]
    yield f"## {entry.name}"
    yield facts(
        [
            ("Role", entry.role),
            ("Paper", f"<{entry.paper}>" if entry.paper else ""),
            ("From", f"{entry.provenance.distribution}, {packages[entry.provenance.distribution]}"),
            ("Choosing reads", _choosing(config_class)),
            ("Draws keys at random", "yes, by `seed`" if config_class.samples else ""),
            ("Budget", code(config_class.budget_field or "")),
            ("Presets", codes(presets) if len(presets) <= FEW_PRESETS else f"{len(presets)} of them"),
        ]
    )
    yield prose(own_docstring(config_class))
    yield _fields(config_class)


def _choosing(config_class: type[MaskerConfig]) -> str:
    if config_class.scores_every_key:
        return "all of K, for exact scores"
    bits = config_class().index_bits_per_key(HEAD_DIM)
    return (
        f"{bits:g} bits per key and KV head, with the defaults at d = {HEAD_DIM}"
        if bits
        else "nothing of the keys beforehand"
    )


def _fields(config_class: type[MaskerConfig]) -> str:
    hints = get_type_hints(config_class, include_extras=True)
    space = {name: domain_text(from_ray(domain)) for name, domain in config_class.get_search_space(TASK).items()}
    rows = [
        (
            code(field.name),
            prose(type_text(hints[field.name])),
            code(repr(field.default)),
            prose(space.get(field.name, "")),
        )
        for field in dataclasses.fields(config_class)
    ]
    return table(("field", "type and range", "default", "searched"), rows) if rows else "It has no fields."
