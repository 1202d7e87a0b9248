"""The overlap of words that question answering is scored by, with SQuAD's normalisation."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Return a text in lower case, without ASCII punctuation and English articles, its words one space apart."""
    # Punctuation goes first, so that "a." is an article and "the-end" is not.
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def token_f1(prediction: str, reference: str) -> float:
    """Return the F1 of the words of two texts after normalising, between 0 and 1; 0 where no word is shared."""
    return f1_of_tokens(normalise(prediction).split(), normalise(reference).split())


def f1_of_tokens(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """Return the F1 of two bags of tokens, between 0 and 1; 0 where none is shared."""
    shared = (Counter(prediction) & Counter(reference)).total()
    if not shared:
        return 0.0
    precision = shared / len(prediction)
    recall = shared / len(reference)
    return 2 * precision * recall / (precision + recall)
