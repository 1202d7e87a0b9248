"""What is to be known about a table of cells, a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparse_hub_core.lookup import SAMPLE_SUFFIX
from sparse_hub_core.report.rows import cell_label
from sparse_hub_core.report.rungs import correlation_sentence, fidelity_sentence, tie_sentence

if TYPE_CHECKING:
    from sparse_hub_core.results.schema import CellSummary

NOISE_SENTENCE = (
    "Within noise: the 95% interval of the difference contains 0, so this run cannot tell sparse from dense "
    "there. Rows keep the order in which they ran; they are no ranking."
)

SAMPLE_SENTENCE = (
    f"A task that ends in {SAMPLE_SUFFIX} ran on a small offline sample of its package's own making, not on the "
    "benchmark; its scores compare with no published ones."
)

IO_SENTENCE = (
    "I/O density: the bytes read, those that choosing reads and the union over the heads of a KV group included, as a "
    "share of what dense attention reads; above 100% it reads more than it saves."
)


def io_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what "I/O density" means, where a cell has one."""
    judged = (cell.validation for cell in cells)
    return IO_SENTENCE if any(v is not None and v.io_density_validation is not None for v in judged) else None


def sample_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what an offline sample is, where a cell ran on one."""
    return SAMPLE_SENTENCE if any(cell.task.endswith(SAMPLE_SUFFIX) for cell in cells) else None


def data_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return which data the tasks that are not generated ran on."""
    judged = [found for cell in cells if (found := cell.validation or cell.best) is not None]
    told = dict.fromkeys(
        f"{found.task}: {found.data}"
        for found in judged
        if not found.data.startswith("sample") and found.data != "generated"
    )
    return f"Data of {'; '.join(told)}." if told else None


def cut_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return how many contexts were too long and were cut in their middle, where some were."""
    counts: dict[str, None] = {}
    for cell in cells:
        best, judged = cell.best, cell.validation
        if best is not None and best.truncated_requests:
            counts[f"{best.truncated_requests} of {best.num_requests} to search on in {cell.task}"] = None
        if judged is not None and judged.truncated_requests:
            counts[f"{judged.truncated_requests} of {judged.num_requests} to validate on in {cell.task}"] = None
    return f"Contexts longer than the limit, cut in their middle: {'; '.join(counts)}." if counts else None


def hidden_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return that answers are not published, where that leaves no score."""
    tasks = dict.fromkeys(cell.task for cell in cells if cell.validation and cell.validation.dense is None)
    return f"No score: the answers of {', '.join(tasks)} are not published; error and density hold." if tasks else None


def notes(cells: Sequence[CellSummary]) -> list[str]:
    """Return what is to be known about a table of cells."""
    sentences = (
        *(metric_sentence, sample_sentence, data_sentence, hidden_sentence, hopeless_sentence),
        *(cut_sentence, limit_sentence, fidelity_sentence, tie_sentence, correlation_sentence),
        *(within_noise_sentence, io_sentence),
    )
    return [text for sentence in sentences if (text := sentence(cells)) is not None]


def limit_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return how many answers the stage's limit stopped before the task's own."""
    told = [
        f"{found.limited_answers} in {found.task} ({cell_label(cell)})"
        for cell in cells
        if (found := cell.validation) is not None and found.limited_answers
    ]
    if not told:
        return None
    return f"Answers stopped by --validation-max-new-tokens before their task's own limit: {'; '.join(told)}."


def hopeless_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return where dense attention scores nothing, so that sparse attention cannot be told from it."""
    judged = [found for cell in cells if (found := cell.validation) is not None and found.higher_is_better]
    tasks = dict.fromkeys(found.task for found in judged if found.dense is not None and found.dense.mean == 0)
    if not tasks:
        return None
    return f"Dense attention scores 0, so no loss can show, in {', '.join(tasks)}; error and density hold."


def metric_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what the scores are."""
    tasks: dict[str, dict[str, None]] = {}
    for cell in cells:
        if (found := cell.validation) is not None:
            better = "higher" if found.higher_is_better else "lower"
            tasks.setdefault(f"{found.metric} ({better} is better)", {})[found.task] = None
    told = [f"{metric} in {', '.join(of)}" for metric, of in tasks.items()]
    return f"Score: {'; '.join(told)}." if told else None


def within_noise_sentence(cells: Sequence[CellSummary]) -> str | None:
    """Return what "within noise" means, where a cell says it."""
    return NOISE_SENTENCE if any(cell.validation and cell.validation.within_noise for cell in cells) else None
