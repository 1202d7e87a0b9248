"""BERTScore as LooGLE takes it from the package bert-score, with the model that this takes for English."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from sparse_hub_core import UsageError

MODEL_VARIABLE = "SPARSE_HUB_BERT_SCORE_MODEL"
DEFAULT_MODEL = "roberta-large"
_UNLIMITED = 10**9
_ROBERTA_OFFSET = 2
"""Positions that RoBERTa keeps free; without a limit of its own a tokenizer is given what is safe for all."""


def bert_score(prediction: str, reference: str) -> float:
    """Return BERTScore between 0 and 1, 0 where a text is blank.

    LooGLE passes the reference as the candidate and prints the recall, which is the share of the prediction that the
    reference covers; this is the same.
    """
    texts = [text.encode("utf-8", "replace").decode().strip() for text in (reference, prediction)]
    # The package cannot encode blank texts with transformers 5.
    if not all(texts):
        return 0.0
    _, recall, _ = scorer(model_name()).score([texts[0]], [texts[1]])
    return min(max(float(recall[0]), 0.0), 1.0)


def check_bert_score() -> None:
    """Raise a UsageError where the package or the model is missing; load the model, so that nothing fails later."""
    try:
        import bert_score  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The metric bert_score needs the package {error.name!r}, which is not installed: "
            "pip install 'sparse-hub[bert-score]'."
        ) from error
    model = model_name()
    try:
        scorer(model).score(["one word"], ["another word"])
    except Exception as error:
        # Whatever a model's files can be wrong in is for the user to hear in one sentence.
        raise UsageError(
            f"The metric bert_score cannot use the model {model!r} ({type(error).__name__}: {_first_line(error)}): "
            f"download it (`hf download {DEFAULT_MODEL}`), or name another model or a local folder in the environment "
            f"variable {MODEL_VARIABLE}."
        ) from error


@cache
def scorer(model: str) -> Any:
    """Return the package's scorer with a model, loaded once per process."""
    # Imported here because torch, pandas and matplotlib come with it.
    import torch
    from bert_score import BERTScorer
    from bert_score.utils import model2layers
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(model)
    # A folder is known by its name; of a model without a recommended layer the last one is taken.
    layers = model2layers.get(model) or model2layers.get(Path(model).name)
    # Weights that the checkpoint lacks are drawn, which must not move a run's random numbers.
    with torch.random.fork_rng():
        made = BERTScorer(model_type=model, num_layers=layers or config.num_hidden_layers)
    # The space that the package asks RoBERTa's tokenizer for with each text is ignored since transformers 5.
    tokenizer = AutoTokenizer.from_pretrained(model, add_prefix_space=True)
    if tokenizer.model_max_length > _UNLIMITED:
        tokenizer.model_max_length = config.max_position_embeddings - _ROBERTA_OFFSET
    made._tokenizer = tokenizer
    return made


def model_name() -> str:
    """Return the model that BERTScore is computed with: a name on the hub, or a folder."""
    return os.environ.get(MODEL_VARIABLE) or DEFAULT_MODEL


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]
