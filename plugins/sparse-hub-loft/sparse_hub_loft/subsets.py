"""What is known of the subsets without their data."""

from __future__ import annotations

from sparse_hub_core import Subset

SINGLE_VALUE = {
    "nq": "one fact of one document",
    "hotpotqa": "one answer that takes two documents",
    "musique": "one answer that takes up to four documents",
}
MULTI_VALUE = {
    "qampari": "every answer to a question, each in a document of its own",
    "quest": "every thing that meets several conditions at once",
}
_LENGTHS = {"32k": 44_000, "128k": 115_000, "1m": 900_000}
"""About the tokens of a prompt; the names are those of the official tokenizer."""

_REMARKS = {"32k": "; users of the mirror report that its 32k sets are not LOFT's"}


def _subset(dataset: str, length: str) -> Subset:
    summaries = SINGLE_VALUE | MULTI_VALUE
    return Subset(
        f"{dataset}_{length}",
        "subspan_em",
        score_range=(0.0, 1.0),
        licence="CC-BY-4.0 (code Apache-2.0)",
        typical_length=_LENGTHS[length],
        summary=f"{summaries[dataset]}, with the whole corpus in the context{_REMARKS.get(length, '')}",
        other_metrics=("em", "coverage") if dataset in MULTI_VALUE else ("em", "f1"),
    )


SUBSETS: tuple[Subset, ...] = tuple(
    _subset(dataset, length) for dataset in (*SINGLE_VALUE, *MULTI_VALUE) for length in _LENGTHS
)
