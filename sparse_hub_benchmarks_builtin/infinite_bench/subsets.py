"""What is known of the subsets without their data."""

from __future__ import annotations

from sparse_hub_core import Subset

_LICENCE = "MIT"


def _downloaded(name: str, metric: str, length: int, summary: str, *, answers_in_question: bool = False) -> Subset:
    return Subset(
        name,
        metric,
        score_range=(0.0, 1.0),
        licence=_LICENCE,
        # The mean that the paper states for the tokenizer of GPT-4.
        typical_length=length,
        summary=summary,
        answers_in_question=answers_in_question,
    )


def _generated(name: str, metric: str, summary: str, *, answers_in_question: bool = False) -> Subset:
    return Subset(
        f"{name}_generated",
        metric,
        score_range=(0.0, 1.0),
        licence=_LICENCE,
        generated=True,
        summary=f"{summary}, made here at any length",
        answers_in_question=answers_in_question,
    )


_PASSKEY = "a number of five digits that is said twice in repeated noise"
_NUMBER_STRING = "a sequence of ten digits, many of them repeated, in repeated noise"
_KV_RETRIEVAL = "the value of one key of a JSON object of uuids"
_MATH_FIND = "the largest, smallest or median number of a list, or the next ones"
_CODE_RUN = "what a function returns that calls a chain of others"

SUBSETS: tuple[Subset, ...] = (
    _downloaded("passkey", "first_integer", 122_400, _PASSKEY),
    _downloaded("kv_retrieval", "contains_word", 89_900, _KV_RETRIEVAL),
    _downloaded("number_string", "first_integer", 122_400, _NUMBER_STRING),
    # A short result can be among the digits of the call that is asked for.
    _downloaded("code_run", "last_integer", 75_200, _CODE_RUN, answers_in_question=True),
    _downloaded(
        "code_debug",
        "option_match",
        114_700,
        "which of four functions of a repository holds an error",
        answers_in_question=True,
    ),
    _downloaded("math_find", "first_number", 87_900, _MATH_FIND),
    _downloaded("longbook_qa_eng", "f1", 192_600, "short answers about an English book with changed names"),
    _downloaded("longdialogue_qa_eng", "contains_name", 103_600, "the masked name of a speaker of a script"),
    _downloaded(
        "longbook_choice_eng",
        "option_match",
        184_400,
        "multiple-choice questions about an English book with changed names",
        answers_in_question=True,
    ),
    _downloaded("math_calc", "right_prefix", 43_900, "all intermediate values of a long sum"),
    _downloaded("longbook_sum_eng", "rougeLsum", 171_500, "the summary of an English book with changed names"),
    _downloaded("longbook_qa_chn", "f1", 2_068_600, "short answers about a Chinese book"),
    _generated("passkey", "first_integer", _PASSKEY),
    _generated("number_string", "first_integer", _NUMBER_STRING),
    _generated("kv_retrieval", "contains_word", _KV_RETRIEVAL),
    _generated("math_find", "first_number", _MATH_FIND),
    _generated("code_run", "last_integer", _CODE_RUN, answers_in_question=True),
)
