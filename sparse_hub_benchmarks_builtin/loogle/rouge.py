"""ROUGE recall as LooGLE takes it from the package rouge 1.0.1."""

from __future__ import annotations

from sparse_hub_benchmarks_builtin.text_metrics.rouge_l import rouge_l


def rouge_l_recall(prediction: str, reference: str) -> float:
    """Return the share of the reference's words in the longest common subsequences, 0 where a text has no words."""
    return rouge_l(prediction, reference).recall


def rouge_n_recall(prediction: str, reference: str) -> dict[str, float]:
    """Return the shares of the reference's words and pairs of words that are found, between 0 and 1.

    A text that is empty or nothing but full stops, for which the package raises, finds nothing.
    """
    if not _has_sentence(prediction) or not _has_sentence(reference):
        return {"rouge1_recall": 0.0, "rouge2_recall": 0.0}
    # Imported here because listing benchmarks has no use for it.
    from rouge import Rouge

    # Without ROUGE-L, whose recursion in the package ends in an error for long texts.
    (scores,) = Rouge(metrics=["rouge-1", "rouge-2"], stats=["r"]).get_scores([prediction], [reference])
    return {"rouge1_recall": float(scores["rouge-1"]["r"]), "rouge2_recall": float(scores["rouge-2"]["r"])}


def _has_sentence(text: str) -> bool:
    return text.strip(".") != ""
