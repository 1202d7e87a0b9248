"""The benchmark as it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sparse_hub_benchmarks_builtin.generating.requests import generate, too_short
from sparse_hub_benchmarks_builtin.generating.sample import Task
from sparse_hub_benchmarks_builtin.ruler import niah
from sparse_hub_benchmarks_builtin.ruler.common_words import common_words
from sparse_hub_benchmarks_builtin.ruler.documents import DATASETS, READERS
from sparse_hub_benchmarks_builtin.ruler.frequent_words import frequent_words
from sparse_hub_benchmarks_builtin.ruler.metric import string_match_all, string_match_part
from sparse_hub_benchmarks_builtin.ruler.prose import find_haystack, prose_identity
from sparse_hub_benchmarks_builtin.ruler.prose_niah import PROSE_TASKS
from sparse_hub_benchmarks_builtin.ruler.question_answering import ANY_ANSWER, DocumentSamples
from sparse_hub_benchmarks_builtin.ruler.subsets import SUBSETS
from sparse_hub_benchmarks_builtin.ruler.variable_tracking import variable_tracking
from sparse_hub_core import Benchmark, DataError, HubDataset, Lengths, Question, Request, UsageError, did_you_mean

_TASKS: dict[str, Callable[[int, Lengths], Task]] = {
    "niah_single_1": lambda seed, lengths: niah.NIAH_SINGLE_1,
    "niah_multikey_2": lambda seed, lengths: niah.NIAH_MULTIKEY_2,
    "niah_multikey_3": lambda seed, lengths: niah.NIAH_MULTIKEY_3,
    "vt": lambda seed, lengths: variable_tracking(seed, lengths.count_tokens),
    "cwe": lambda seed, lengths: common_words(lengths),
    "fwe": lambda seed, lengths: frequent_words(lengths),
}


class Ruler(Benchmark):
    """RULER's thirteen tasks, with the official prompts and metrics."""

    def requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        """Yield the requests of a subset, each as long as its haystack units allow; only qa_1 and qa_2 end.

        Args:
            subset: One of the thirteen, such as ``niah_single_1``, ``vt`` or ``qa_1``.
            lengths: The length that prompt, answer prefix and tokens to generate have to keep to together.
            seed: Another seed gives other requests; the questions of qa_1 and qa_2 stay, their other documents change.

        Raises:
            UsageError: The subset is unknown, its data cannot be had, or the length is too short for its smallest
                haystack.
        """
        names = [known.name for known in SUBSETS]
        if subset not in names:
            raise UsageError(f"ruler has no subset {subset!r}; {did_you_mean(subset, names)}")
        # Not generators themselves, so that mistakes are reported before the first request is asked for.
        if subset in DATASETS:
            return self._document_requests(subset, lengths, seed)
        return self._generated_requests(subset, lengths, seed)

    def score(self, prediction: str, question: Question) -> float:
        """Return the share of the references found in a prediction, or whether any is, between 0 and 100."""
        match = string_match_part if question.details == ANY_ANSWER else string_match_all
        return match(prediction, question.references)

    def dataset(self, subset: str) -> HubDataset | None:
        """Return SQuAD for qa_1, HotpotQA for qa_2, None for what is generated."""
        return DATASETS.get(subset)

    def data_identity(self, subset: str) -> str:
        """Return what identifies the data, which is the prose of a user's folder where that is used."""
        return prose_identity(self.data) if subset in PROSE_TASKS else super().data_identity(subset)

    def perfect_prediction(self, question: Question) -> str:
        """Return all references."""
        return " ".join(question.references)

    def _generated_requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        if subset in PROSE_TASKS:
            task = PROSE_TASKS[subset].task(find_haystack(self.data))
        else:
            task = _TASKS[subset](seed, lengths)
        return generate("ruler", subset, task, lengths, seed)

    def _document_requests(self, subset: str, lengths: Lengths, seed: int) -> Iterator[Request]:
        corpus = READERS[subset](self.rows(subset))
        if not corpus.questions:
            raise DataError(f"ruler/{subset} has no question with an answer in its data; look at what is there.")
        samples = DocumentSamples(corpus)
        shortest = samples.shortest_length(lengths)
        if lengths.max_context_length < shortest:
            raise too_short("ruler", subset, lengths, shortest)
        return samples.fill(subset, lengths, seed)
