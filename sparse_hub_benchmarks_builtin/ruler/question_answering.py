"""Question answering: a question about documents, among as many others as the length holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, cycle, islice

from sparse_hub_benchmarks_builtin.generating.filler import Filler
from sparse_hub_benchmarks_builtin.generating.sample import Sample, Task, shuffled, stream
from sparse_hub_benchmarks_builtin.ruler.documents import Corpus, DocumentQuestion
from sparse_hub_core import Lengths, Question, Request

TOKENS_TO_GENERATE = 32
ANY_ANSWER = {"match": "any"}
_PROBES = 32
_INSTRUCTION = (
    "Answer the question based on the given documents. Only give me the answer and do not output any other words.\n\n"
)


@dataclass(frozen=True)
class DocumentSamples:
    """Samples of a corpus; their units are the documents beside a question's own."""

    corpus: Corpus

    def shortest_length(self, lengths: Lengths) -> int:
        """Return the length that questions need with their own documents alone, the longest of the first ones."""
        asked = self.corpus.questions[:_PROBES]
        return max(self._render(question, "", 0).length(lengths.count_tokens) for question in asked)

    def fill(self, name: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield the requests that fit, in the order of the questions."""
        first = Filler.measured(self._task(self.corpus.questions[0]), lengths)
        for index, question in enumerate(self.corpus.questions):
            identity = f"{name}-{lengths.max_context_length}-s{seed}-{index:06d}"
            filler = replace(first, task=self._task(question))
            units = filler.units(identity)
            # A question whose own documents are too long is left out, because one of them holds the answer.
            if units is not None:
                sample = filler.task.render(identity, units)
                # Other documents stand around these at another length, and a question must stay in its part; the
                # paragraphs of one article stand together, because they are documents of each other's questions.
                kin = "\n".join(self.corpus.documents[number] for number in sorted({*question.own, *question.related}))
                yield Request(identity, sample.context, (sample.question,), split_by=kin)

    def _task(self, question: DocumentQuestion) -> Task:
        return Task(lambda key, units: self._render(question, key, units), smallest=0)

    def _render(self, question: DocumentQuestion, key: str, units: int) -> Sample:
        numbers = [*question.own, *islice(self._others(question, key), units)]
        stream(key, "order").shuffle(numbers)
        documents = [f"Document {place}:\n{self.corpus.documents[number]}" for place, number in enumerate(numbers, 1)]
        asked = Question(
            text=f"\n\n{_INSTRUCTION}Question: {question.text}",
            references=question.answers,
            answer_prefix=" Answer:",
            max_new_tokens=TOKENS_TO_GENERATE,
            details=ANY_ANSWER,
        )
        return Sample(f"{_INSTRUCTION}The following are given documents.\n\n" + "\n\n".join(documents), asked)

    def _others(self, question: DocumentQuestion, key: str) -> Iterator[int]:
        random, numbers = stream(key, "others"), range(len(self.corpus.documents))
        near = {*question.own, *question.related}
        far = (number for number in shuffled(numbers, random) if number not in near)
        # All documents are repeated where there are too few of them.
        return chain(shuffled(question.related, random), far, cycle(numbers))
