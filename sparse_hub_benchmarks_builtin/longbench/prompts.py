"""The official prompts in three parts; the wording is LongBench's own."""

# ruff: noqa: RUF001

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Prompt(NamedTuple):
    """The parts of a prompt."""

    context: str
    question: str
    answer_prefix: str


_CONCISELY = (
    "concisely as you can, using a single phrase or sentence if possible. If the question cannot be answered based on "
    'the information in the article, write "unanswerable". If the question is a yes/no question, answer "yes", "no", '
    'or "unanswerable". Do not provide any explanation.\n\n'
)
_PHRASE = "asconcisely as you can, using a single phrase if possible. Do not provide any explanation.\n\n"
_ONLY_ANSWER = (
    "Answer the question based on the given passages. Only give me the answer and do not output any other words.\n\n"
)
_MULTI_HOP = Prompt(
    f"{_ONLY_ANSWER}The following are given passages.\n{{context}}\n\n{_ONLY_ANSWER}", "Question: {input}\n", "Answer:"
)
_CODE = "Please complete the code given below. \n{context}"

_TEMPLATES = {
    "narrativeqa": Prompt(
        "You are given a story, which can be either a novel or a movie script, and a question. Answer the question "
        f"{_PHRASE}Story: {{context}}\n\nNow, answer the question based on the story {_PHRASE}",
        "Question: {input}\n\n",
        "Answer:",
    ),
    "qasper": Prompt(
        f"You are given a scientific article and a question. Answer the question as {_CONCISELY}"
        f"Article: {{context}}\n\n Answer the question based on the above article as {_CONCISELY}",
        "Question: {input}\n\n",
        "Answer:",
    ),
    "multifieldqa_en": Prompt(
        "Read the following text and answer briefly.\n\n{context}\n\nNow, answer the following question based on the "
        "above text, only give me the answer and do not output any other words.\n\n",
        "Question: {input}\n",
        "Answer:",
    ),
    "multifieldqa_zh": Prompt(
        "阅读以下文字并用中文简短回答：\n\n{context}\n\n现在请基于上面的文章回答下面的问题，只告诉我答案，不要输出任何其他字词。\n\n",
        "问题：{input}\n",
        "回答：",
    ),
    "hotpotqa": _MULTI_HOP,
    "2wikimqa": _MULTI_HOP,
    "musique": _MULTI_HOP,
    "dureader": Prompt(
        "请基于给定的文章回答下述问题。\n\n文章：{context}\n\n请基于上述文章回答下面的问题。\n\n",
        "问题：{input}\n",
        "回答：",
    ),
    "gov_report": Prompt(
        "You are given a report by a government agency. Write a one-page summary of the report.\n\n"
        "Report:\n{context}\n\n",
        "Now, write a one-page summary of the report.\n\n",
        "Summary:",
    ),
    "qmsum": Prompt(
        "You are given a meeting transcript and a query containing a question or instruction. Answer the query in one "
        "or more sentences.\n\nTranscript:\n{context}\n\nNow, answer the query based on the above meeting transcript "
        "in one or more sentences.\n\n",
        "Query: {input}\n",
        "Answer:",
    ),
    "multi_news": Prompt(
        "You are given several news passages. Write a one-page summary of all news. \n\nNews:\n{context}\n\n",
        "Now, write a one-page summary of all the news.\n\n",
        "Summary:",
    ),
    "vcsum": Prompt(
        "下面有一段会议记录，请你阅读后，写一段总结，总结会议的内容。\n会议记录：\n{context}\n\n", "", "会议总结："
    ),
    "trec": Prompt(
        "Please determine the type of the question below. Here are some examples of questions.\n\n{context}\n",
        "{input}",
        "Type:",
    ),
    "triviaqa": Prompt(
        "Answer the question based on the given passage. Only give me the answer and do not output any other words. "
        "The following are some examples.\n\n{context}\n\n",
        "{input}",
        "Answer:",
    ),
    "samsum": Prompt(
        "Summarize the dialogue into a few short sentences. The following are some examples.\n\n{context}\n\n",
        "{input}",
        "Summary:",
    ),
    "lsht": Prompt("请判断给定新闻的类别，下面是一些例子。\n\n{context}\n", "{input}", ""),
    "passage_count": Prompt(
        "There are some paragraphs below sourced from Wikipedia. Some of them may be duplicates. Please carefully read "
        "these paragraphs and determine how many unique paragraphs there are after removing duplicates. In other "
        "words, how many non-repeating paragraphs are there in total?\n\n{context}\n\n",
        "Please enter the final count of unique paragraphs after removing duplicates. The output format should only "
        "contain the number, such as 1, 2, 3, and so on.\n\n",
        "The final answer is: ",
    ),
    "passage_retrieval_en": Prompt(
        "Here are 30 paragraphs from Wikipedia, along with an abstract. Please determine which paragraph the abstract "
        "is from.\n\n{context}\n\nThe following is an abstract.\n\n",
        "{input}\n\nPlease enter the number of the paragraph that the abstract is from. The answer format must be like "
        '"Paragraph 1", "Paragraph 2", etc.\n\n',
        "The answer is: ",
    ),
    "passage_retrieval_zh": Prompt(
        "以下是若干段落文字，以及其中一个段落的摘要。请确定给定的摘要出自哪一段。\n\n{context}\n\n下面是一个摘要\n\n",
        '{input}\n\n请输入摘要所属段落的编号。答案格式必须是"段落1"，"段落2"等格式\n\n',
        "答案是：",
    ),
    "lcc": Prompt(_CODE, "", "Next line of code:\n"),
    "repobench-p": Prompt(_CODE, "{input}", "Next line of code:\n"),
}


def prompt_of(task: str, row: Mapping[str, Any]) -> Prompt:
    """Return the official prompt of a row, which has its parts, or the columns ``input`` and ``context``."""
    if {"question", "answer_prefix"} <= row.keys():
        return _said_once(Prompt(row["context"], row["question"], row["answer_prefix"]))
    template = _TEMPLATES[task]
    return _said_once(
        Prompt(
            template.context.replace("{context}", row["context"]),
            template.question.replace("{input}", row["input"]),
            template.answer_prefix,
        )
    )


def _said_once(prompt: Prompt) -> Prompt:
    # Original inputs of examples end with the answer prefix, and the hub's rows of samsum still do.
    question = prompt.question.rstrip()
    prefix = prompt.answer_prefix.rstrip()
    if not prefix or not question.endswith(prefix):
        return prompt
    place = len(question) - len(prefix)
    return Prompt(prompt.context, prompt.question[:place], prompt.question[place:])
