"""The first request of the tasks that measured scores rest on never changes."""

import hashlib

import pytest

from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_core.benchmark import Lengths

# Those with words in their keys hold for the pinned release of wonderwords.
DIGESTS = {
    "niah_single_1": "72229405fde1af02",
    "niah_multikey_2": "b1f61a1ac3832593",
    "niah_multikey_3": "4661f936cc3d8a80",
    "vt": "019f4dd5c6cf6a4b",
}


@pytest.mark.parametrize("subset", DIGESTS)
def test_the_first_request_is_pinned(subset: str) -> None:
    request = next(Ruler().requests(subset, Lengths(2048, lambda text: len(text.split())), 0))
    (question,) = request.questions
    parts = (
        request.id,
        request.context,
        question.text,
        *question.references,
        question.answer_prefix,
        str(question.max_new_tokens),
    )
    assert hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16] == DIGESTS[subset]
