"""The metric of the task that asks for a summary."""

from __future__ import annotations

from typing import Any

from sparse_hub_benchmarks_builtin.infinite_bench.metrics.labels import texts

MAX_CHARACTERS = 20_000
"""Where predictions are cut. The official 1200 new tokens do not get there, and scoring stays within seconds."""


def rouge_l_sum(prediction: str, label: Any) -> float:
    """Return the F of ROUGE-L over lines, the best over the summaries where there are several."""
    # Imported here because the package takes half a second that only summaries need to spend.
    from rouge_score.rouge_scorer import RougeScorer

    summaries = [label] if isinstance(label, str) else texts(label)
    scorer = RougeScorer(["rougeLsum"], use_stemmer=False)
    text = prediction[:MAX_CHARACTERS]
    return max((float(scorer.score(summary, text)["rougeLsum"].fmeasure) for summary in summaries), default=0.0)
