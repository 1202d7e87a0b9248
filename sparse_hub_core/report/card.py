"""A result card as Markdown, for a page of a hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse_hub_core.report.formats import escaped, fenced, markdown_table
from sparse_hub_core.report.numbers import NOTHING, number, percent, with_sample
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.validation.statistics import is_told

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.results.card import Card

USE = """\
with attention.on(model):  # a transformers model
    model.generate(**inputs)"""


def card_markdown(card: Card, registry: Registry) -> str:
    """Return the page of a card; every text of it is escaped."""
    return "\n\n".join(_parts(card, registry)) + "\n"


def _parts(card: Card, registry: Registry) -> Iterator[str]:
    found, task = card.configuration, card.task
    yield f"# {escaped(found.preset)} on {escaped(task.name)} with {escaped(card.model.name)}"
    yield _answer(card)
    yield "## Use it"
    yield f"It needs {_packages(card)}."
    yield fenced(f"{as_python(card.as_best(), Path('card.json'), registry)}\n\n{USE}", "python")
    yield "## Results"
    yield markdown_table(("", "value"), _results(card))
    yield _by_layer(card)
    yield "## What was measured on what"
    yield markdown_table(("", ""), _conditions(card))
    yield "## Reproduce it"
    yield fenced(" ".join(card.command.split()), "sh")
    yield (
        "It answers the same questions on your machine, and says how many answers are the same and whether the scores "
        "differ by more than noise. `card.json` holds the scores and a SHA-256 digest of each answer, not its text."
    )


def _answer(card: Card) -> str:
    results, better = card.results, "higher" if card.task.higher_is_better else "lower"
    if results.sparse is None or results.difference is None:
        scored = "The answers are not published, so there is no score"
    else:
        dense = None if results.dense is None else results.dense.mean
        scored = (
            f"Sparse attention scores **{number(results.sparse.mean)}** where dense attention scores "
            f"**{number(dense)}** ({escaped(card.task.metric)}, {better} is better): a difference of "
            f"{with_sample(results.difference, '+')}"
        )
        adjusted_p = results.p_value if results.adjusted_p is None else results.adjusted_p
        if not is_told(results.difference, adjusted_p):
            scored += ", which is within noise"
    read = f"It reads **{percent(results.density)}** of the keys"
    if results.io_density is not None:
        read += f", and with choosing **{percent(results.io_density)}** of the bytes that dense attention reads"
    told = [f"{scored}.", f"{read}."]
    if _is_one_of_several(card):
        told.append(
            f"It is one of {results.num_winners} winners that were judged on the same questions, and the best of "
            "several tends to look a little better than it is."
        )
    return " ".join(told)


def _packages(card: Card) -> str:
    """Return the distributions that the configuration is made of, as they were measured."""
    core = f"sparse-hub {card.versions.get('sparse-hub', '')}".strip()
    others = [
        f"{one.distribution} {one.version or ''}".strip() for one in card.configuration.maskers if one.distribution
    ]
    return escaped(", ".join(dict.fromkeys([core, *others])))


def _results(card: Card) -> list[tuple[str, str]]:
    results = card.results
    adjusted_p = NOTHING
    if _is_one_of_several(card) and results.adjusted_p is not None:
        adjusted_p = f"{results.adjusted_p:.3g}"
    rows = [
        ("dense score", with_sample(results.dense)),
        ("sparse score", with_sample(results.sparse)),
        ("difference", with_sample(results.difference, "+")),
        ("p value, by itself", NOTHING if results.p_value is None else f"{results.p_value:.3g} ({results.test})"),
        (f"p value, adjusted by Holm over {results.num_winners} winners", adjusted_p),
        ("density", percent(results.density)),
        ("I/O density", percent(results.io_density)),
        ("attention error, mean", number(results.error_mean)),
        ("attention error, 95th percentile", number(results.error_p95)),
    ]
    return [row for row in rows if row[1] != NOTHING]


def _is_one_of_several(card: Card) -> bool:
    return card.results.num_winners is not None and card.results.num_winners > 1


def _by_layer(card: Card) -> str:
    errors = sorted(card.results.error_by_layer.items())
    return "Attention error by layer: " + ", ".join(f"{layer}: {error:.4g}" for layer, error in errors) + "."


def _conditions(card: Card) -> list[tuple[str, str]]:
    model, task, found, judged = card.model, card.task, card.configuration, card.validation
    source = model.source or f"a folder called {model.name}"
    maskers = [
        f"{one.masker} of {one.distribution or 'no package'} {one.version or ''}".strip() for one in found.maskers
    ]
    files = {name: digest for one in found.maskers for name, digest in one.files.items()}
    return [
        ("model", f"{source}, revision {model.revision or NOTHING}, content {model.fingerprint}"),
        ("task", f"{task.name} of {task.distribution} {task.distribution_version}, version {task.benchmark_version}"),
        ("data", f"{task.data}, licence {task.licence}"),
        ("metric", f"{task.metric}, {task.score_range[0]:g} to {task.score_range[1]:g}"),
        ("maskers", ", ".join(maskers)),
        *([("files", ", ".join(f"{name} (SHA-256 {digest})" for name, digest in files.items()))] if files else []),
        ("budget", found.budget or NOTHING),
        ("search", f"{_settings(card.search.settings.model_dump())}, objective {card.search.objective_name}"),
        ("validation", f"{_settings(judged.settings.model_dump())}, seed {judged.seed}"),
        ("device", f"{judged.device}, {judged.dtype}"),
        ("hardware", _settings(card.hardware)),
        ("versions", _settings(card.versions)),
        (
            "requests",
            f"{card.results.num_requests}, of which {card.results.truncated_requests} were cut in their middle",
        ),
    ]


def _settings(values: dict[str, Any]) -> str:
    def shown(value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)

    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())
