"""A result card as Markdown, for a page of a hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse_hub_core.report.formats import escaped, fenced, markdown_table
from sparse_hub_core.report.paste import as_python
from sparse_hub_core.validation.statistics import is_told

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.results.card import Card
    from sparse_hub_core.results.schema import Interval

NOTHING = "-"
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
        scored = (
            f"Sparse attention scores **{results.sparse.mean:.4g}** where dense attention scores "
            f"**{_mean(results.dense)}** ({escaped(card.task.metric)}, {better} is better): a difference of "
            f"{interval(results.difference)}"
        )
        if not is_told(results.difference, results.p_value):
            scored += ", which is within noise"
    read = NOTHING if results.density is None else f"{results.density:.2%}"
    return f"{scored}. It reads **{read}** of the keys."


def _results(card: Card) -> list[tuple[str, str]]:
    results = card.results
    rows = [
        ("dense score", interval(results.dense)),
        ("sparse score", interval(results.sparse)),
        ("difference", interval(results.difference)),
        ("p value, by itself", NOTHING if results.p_value is None else f"{results.p_value:.3g} ({results.test})"),
        ("density", _percent(results.density)),
        ("I/O density", _percent(results.io_density)),
        ("attention error, mean", _number(results.error_mean)),
        ("attention error, 95th percentile", _number(results.error_p95)),
    ]
    return [row for row in rows if row[1] != NOTHING]


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


def interval(found: Interval | None) -> str:
    """Return "-1.25 [-4, 1.5], n = 40 in 20 requests"."""
    if found is None:
        return NOTHING
    return f"{found.mean:.4g} [{found.low:.4g}, {found.high:.4g}], n = {found.n} in {found.clusters} requests"


def _settings(values: dict[str, Any]) -> str:
    def shown(value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)

    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def _mean(found: Interval | None) -> str:
    return NOTHING if found is None else f"{found.mean:.4g}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.2%}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"
