"""What the official prompts for YaRN-Mistral say around a context, and how many tokens may follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """How a task asks about its context."""

    max_new_tokens: int
    before: str = ""
    """What the official prompt has before the question and the hub's column lacks."""
    after: str = ""
    """What stands between the question and the answer prefix."""


ENDINGS = {
    "passkey": Ending(6, after="\n\n"),
    "kv_retrieval": Ending(50, before="\n", after="\n"),
    "number_string": Ending(12, after="\n\n"),
    "code_run": Ending(5, after=" "),
    "code_debug": Ending(5, after="\n\n"),
    # Ends with the space that the official prompt ends with.
    "math_find": Ending(3, after=" "),
    "longbook_qa_eng": Ending(40, before="Question: ", after="\n"),
    "longdialogue_qa_eng": Ending(40, after="\n\n"),
    "longbook_choice_eng": Ending(40, before="Question: ", after="\n\n"),
    "math_calc": Ending(30_000, after="\n"),
    "longbook_sum_eng": Ending(1_200),
    "longbook_qa_chn": Ending(40, before="问题\N{FULLWIDTH COLON}", after="\n"),
}
"""By task, as the official code names it."""

CONTEXTS = {
    "passkey": "There is an important info hidden inside a lot of irrelevant text. Find it and memorize it. I will "
    "quiz you about the important information.\n\n{context}\n\n",
    "number_string": "There is an important info hidden inside a lot of irrelevant text. Find it. I will quiz you "
    "about the important information there.\n\n{context}\n\n",
    "kv_retrieval": "Extract the value corresponding to the specified key in the JSON object below.\n\n{context}\n\n",
    "math_find": "What is {target} in the following list?\n\n{context}\n\n",
    "code_run": "There is a function called {target} in the following Python code.\n\n{context}\n\n",
}
"""What stands around a generated context; downloaded ones come with it."""

ANSWER_PREFIXES = {
    "passkey": "The pass key is",
    "number_string": "The sequence of digits is",
    "kv_retrieval": "The value associated with the specified key is: ",
    "math_find": "",
    "code_run": "The value of {call} is",
}
CALL_QUESTION = "Please compute the exact value of {call}."


def ending(task: str, question: str) -> str:
    """Return what follows the context and comes before the answer prefix."""
    asked = question.strip()
    if not asked:
        return ""
    return f"{ENDINGS[task].before}{asked}{ENDINGS[task].after}"
