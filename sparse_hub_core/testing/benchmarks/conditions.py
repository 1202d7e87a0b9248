"""When a check says nothing of a subset: what it declares decides, and whether its answers are published."""

from __future__ import annotations

from sparse_hub_core.testing.benchmarks.subset import SubsetSubject


def is_generated(subset: SubsetSubject) -> str | None:
    """It is made at any length."""
    return None if subset.declared.generated else "nothing of it is generated"


def fills_lengths(subset: SubsetSubject) -> str | None:
    """Its requests are made as long as is asked for."""
    return None if subset.fills_lengths else "its contexts have the length that they have"


def has_dataset(subset: SubsetSubject) -> str | None:
    """Its rows come from a dataset."""
    return "all of it is generated" if subset.dataset is None else None


def sample_loads(subset: SubsetSubject) -> str | None:
    """Its sample can be loaded, or the check that is about that does not fail."""
    # Where it is known to fail, nothing else would tell of the rows that are not there.
    fails = subset.sample_error is not None and "sample_loads_offline" not in subset.owner.known_failures
    return "its sample cannot be loaded" if fails else None


def has_answers(subset: SubsetSubject) -> str | None:
    """Some of its answers are published."""
    return None if subset.answered else "its answers are not published"


def hides_answers(subset: SubsetSubject) -> str | None:
    """Some of its answers are not published."""
    hidden = len(subset.answered) < len(subset.questions)
    return None if hidden else "all of its questions are scored"


def keeps_answers_out(subset: SubsetSubject) -> str | None:
    """It does not declare that the question holds the answer."""
    return "it declares that questions hold their answers" if subset.declared.answers_in_question else None


def has_extra_metrics(subset: SubsetSubject) -> str | None:
    """It offers metrics that need something more."""
    return None if subset.declared.extra_metrics else "it has no metrics that are computed only where asked for"
