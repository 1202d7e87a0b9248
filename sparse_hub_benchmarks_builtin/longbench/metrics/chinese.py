"""The metrics of Chinese answers, whose words jieba finds."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from sparse_hub_benchmarks_builtin.text_metrics.chinese_punctuation import without_punctuation
from sparse_hub_benchmarks_builtin.text_metrics.rouge_l import rouge_l
from sparse_hub_benchmarks_builtin.text_metrics.token_f1 import f1_of_tokens


def qa_f1_zh(prediction: str, reference: str) -> float:
    """Return the F1 of the words of two Chinese texts, in lower case and without punctuation."""
    return f1_of_tokens(_plain_words(prediction), _plain_words(reference))


def rouge_l_zh(prediction: str, reference: str) -> float:
    """Return the F of ROUGE-L of two Chinese texts."""
    return rouge_l(" ".join(_words(prediction)), " ".join(_words(reference))).f


def _plain_words(text: str) -> list[str]:
    plain = ("".join(without_punctuation(word.lower()).split()) for word in _words(text))
    return [word for word in plain if word]


def _words(text: str) -> list[str]:
    return list(_tokenizer().cut(text))


@cache
def _tokenizer() -> Any:
    with warnings.catch_warnings():
        # jieba's source has invalid escape sequences, and it imports pkg_resources, which is deprecated.
        warnings.simplefilter("ignore")
        # Imported here because its dictionary takes half a second that only Chinese tasks need to spend.
        import jieba

        tokenizer = jieba.Tokenizer()
        # Filled here instead of by its initialize(), which reports to stderr, and reads a marshal file of a known name
        # from the temporary folder, where anyone may have put it, or else writes one.
        tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
        tokenizer.initialized = True
    return tokenizer
