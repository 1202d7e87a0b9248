"""LongBench's tasks as facts; free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Task:
    """One task of LongBench."""

    name: str
    metric: str
    max_new_tokens: int
    average_length: int
    """The published average: words, for Chinese characters."""
    summary: str
    language: Literal["en", "zh", "code"] = "en"
    first_line: bool = False
    """Whether only the first line of a prediction counts."""
    by_length: bool = False
    """Whether LongBench-E has it, too."""
    answers_in_question: bool = False


TASKS = (
    Task("narrativeqa", "qa_f1", 128, 18409, "questions about a story or a film script"),
    Task("qasper", "qa_f1", 128, 3619, "questions about a scientific article, some unanswerable", by_length=True),
    Task("multifieldqa_en", "qa_f1", 64, 4559, "questions about a document of any field", by_length=True),
    Task("multifieldqa_zh", "qa_f1_zh", 64, 6701, "questions about a document of any field, in Chinese", "zh"),
    Task("hotpotqa", "qa_f1", 32, 9151, "questions that need two of many passages", by_length=True),
    Task("2wikimqa", "qa_f1", 32, 4887, "questions that need up to five of many passages", by_length=True),
    Task("musique", "qa_f1", 32, 11214, "questions that need two to four of many passages"),
    Task("dureader", "rouge_l_zh", 128, 15768, "questions about web documents, in Chinese", "zh"),
    Task("gov_report", "rouge_l", 512, 8734, "a summary of a government report", by_length=True),
    Task("qmsum", "rouge_l", 512, 10614, "an answer to a query about a meeting"),
    Task("multi_news", "rouge_l", 512, 2113, "a summary of several news articles", by_length=True),
    Task("vcsum", "rouge_l_zh", 512, 15380, "a summary of a meeting, in Chinese", "zh"),
    Task("trec", "classification", 64, 5177, "the type of a question, after examples", first_line=True, by_length=True),
    Task(
        "triviaqa",
        "qa_f1",
        32,
        8209,
        "a question about a passage, after examples",
        first_line=True,
        by_length=True,
        # The question comes with its passage.
        answers_in_question=True,
    ),
    Task("samsum", "rouge_l", 128, 6258, "a summary of a chat, after examples", first_line=True, by_length=True),
    Task("lsht", "classification", 64, 22337, "the class of a news article, in Chinese", "zh", first_line=True),
    Task("passage_count", "count", 32, 11141, "how many different paragraphs there are", by_length=True),
    Task("passage_retrieval_en", "retrieval", 32, 9289, "which paragraph an abstract is of", by_length=True),
    Task("passage_retrieval_zh", "retrieval_zh", 32, 6745, "which paragraph an abstract is of, in Chinese", "zh"),
    Task("lcc", "code_similarity", 64, 1235, "the next line of code", "code", by_length=True),
    Task("repobench-p", "code_similarity", 64, 4206, "the next line of code of several files", "code", by_length=True),
)
WITHOUT_CHAT = frozenset({"trec", "triviaqa", "samsum", "lsht", "lcc", "repobench-p"})
"""Tasks of examples and of code, which the official code gives to a chat model without its template."""
_E = "_e"
TASK_OF_SUBSET = {task.name: task for task in TASKS} | {task.name + _E: task for task in TASKS if task.by_length}


def is_by_length(subset: str) -> bool:
    """Return whether a subset is one of LongBench-E."""
    return subset.endswith(_E)
