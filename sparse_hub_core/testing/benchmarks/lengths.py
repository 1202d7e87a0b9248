"""Checks of requests that are as long as is asked for: they fill it, whatever the tokenizer."""

from __future__ import annotations

from sparse_hub_core.benchmark import CountTokens, Lengths, Question, Request
from sparse_hub_core.errors import UsageError
from sparse_hub_core.testing.benchmarks.conditions import fills_lengths, sample_loads
from sparse_hub_core.testing.benchmarks.each_subset import each_subset
from sparse_hub_core.testing.benchmarks.subset import TOKENIZERS, SubsetSubject, words
from sparse_hub_core.testing.check import require

REQUESTS = 3
FILLED = 0.8
"""The share of a length that is filled at least, save for one unit."""
MULTIPLES = (1.0, 2.1, 5.0)
TOO_SHORT = (-5, 0, 1, 2, 7)


@each_subset(fills_lengths, sample_loads)
def fills_the_length(subset: SubsetSubject) -> None:
    """Requests without a typical length fill what is asked for, the answer included, by two tokenizers, and no more."""
    for name, count_tokens in TOKENIZERS.items():
        shortest = subset.shortest(count_tokens)
        for multiple in MULTIPLES:
            length = int(multiple * shortest)
            # Where the shortest length works, the largest unit there is takes no more than that.
            least = length - max((1 - FILLED) * length, shortest)
            for request in subset.take(REQUESTS, length, count_tokens):
                used = _longest(request, count_tokens)
                where = f"of {length} tokens, counted in {name},"
                hint = "" if subset.declared.generated else "; where contexts are fixed, declare their typical_length"
                require(used <= length, f"{where} {request.id!r} takes {used}{hint}")
                require(used >= least, f"{where} {request.id!r} takes only {used}{hint}")


@each_subset(fills_lengths, sample_loads)
def too_short_a_length_raises(subset: SubsetSubject) -> None:
    """A length that is too short raises UsageError in a sentence; what does not raise fits."""
    shortest = subset.shortest()
    for length in (*TOO_SHORT, shortest // 4, shortest // 2, 3 * shortest // 4):
        try:
            request = next(iter(subset.benchmark.requests(subset.name, Lengths(length, words), 0)))
        except UsageError as error:
            require(len(str(error).split()) > 3, f"at {length} tokens the error says only {str(error)!r}")
        except Exception as error:
            # Whatever else may be raised is what this check is about.
            raise AssertionError(f"at {length} tokens it raises {type(error).__name__}, no UsageError") from error
        else:
            used = _longest(request, words)
            require(used <= length, f"at {length} tokens it raises nothing, and {request.id!r} takes {used}")


def _longest(request: Request, count_tokens: CountTokens) -> int:
    def taken(question: Question) -> int:
        return count_tokens(request.context + question.text + question.answer_prefix) + question.max_new_tokens

    return max(taken(question) for question in request.questions)
