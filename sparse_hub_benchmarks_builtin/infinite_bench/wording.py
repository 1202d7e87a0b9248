"""Turns the wording of the hub's rows, which is kvpress', into that of the official prompts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparse_hub_benchmarks_builtin.infinite_bench.prompts import ANSWER_PREFIXES, CALL_QUESTION, ending


@dataclass(frozen=True)
class Prompt:
    """The three parts of a prompt."""

    context: str
    asked: str
    answer_prefix: str


_INSTRUCTIONS = {
    "passkey": (
        "Find it and memorize them. I will quiz you about the important information there.\n",
        "Find it and memorize it. I will quiz you about the important information.\n",
    ),
    "longbook_qa_eng": ("Read the book below and answer a question.", "Read the book and answer the question."),
    "longbook_sum_eng": ("Summarize the book below:\n", "Summarize the book below.\n"),
    "longbook_qa_chn": ("请根据以下书籍回答我的问题。\n", "阅读以下书籍然后回答问题。\n"),
}
"""What the contexts of a task say on the hub and officially."""
_WITHIN = 200
"""An instruction stands within so many characters of the start; the same words in a book are left alone."""
_CALL = re.compile(r"func_\d+\(-?\d+\)")
_CHOOSE = (
    "\n\nOnly one of the following options is correct, tell me the answer using one single letter (A, B, C, or D). "
    "Don't say anything else."
)
_NOT_ASKED = frozenset(("longdialogue_qa_eng", "math_calc"))
"""Tasks whose official prompt has no question; on the hub all rows have the same one."""
_PREFIXES = {
    "The pass key is:": ANSWER_PREFIXES["passkey"],
    "The value associated with the specified key is": ANSWER_PREFIXES["kv_retrieval"],
}


def official(task: str, row: Mapping[str, Any]) -> Prompt:
    """Return the official prompt of a row; what the hub words in another way than known stays as it is."""
    context, question, prefix = _context(task, row["context"], row["question"]), row["question"], row["answer_prefix"]
    if task in _NOT_ASKED:
        question = ""
    elif task == "longbook_choice_eng":
        question = question.replace(_CHOOSE, "", 1)
    elif task == "code_debug":
        question = "".join(question.partition("Options:\n")[1:]) or question
    elif task == "code_run" and (called := _CALL.search(question)):
        question = CALL_QUESTION.format(call=called.group())
        prefix = ANSWER_PREFIXES["code_run"].format(call=called.group())
    return Prompt(context, ending(task, question), _PREFIXES.get(prefix, prefix))


def _context(task: str, context: str, question: str) -> str:
    if task == "math_find":
        # The hub's contexts repeat the question at their end.
        return context.rstrip().removesuffix(question.strip()).rstrip() + "\n\n"
    if task == "math_calc":
        return context.rstrip() + "\n"
    if task in _INSTRUCTIONS:
        start = context[:_WITHIN].replace(*_INSTRUCTIONS[task], 1)
        return start + context[_WITHIN:]
    return context
