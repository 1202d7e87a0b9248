"""The subsets as they are registered; free of heavy imports."""

from __future__ import annotations

from sparse_hub_core import Subset

_DATA_LICENCE = "Apache-2.0, data CC-BY-SA-4.0"


def _generated(name: str, summary: str) -> Subset:
    return Subset(name, metric="string_match_all", licence="Apache-2.0", generated=True, summary=summary)


SUBSETS = (
    _generated("niah_single_1", "a number by its words, in repeated noise"),
    _generated("niah_single_2", "a number by its words, in public-domain prose"),
    _generated("niah_single_3", "a uuid by its words, in public-domain prose"),
    _generated("niah_multikey_1", "a number by its words, beside three others in public-domain prose"),
    _generated("niah_multikey_2", "a number by its words, among lines just like it"),
    _generated("niah_multikey_3", "a uuid by a uuid, among lines just like it"),
    _generated("niah_multivalue", "four numbers of one key, in public-domain prose"),
    _generated("niah_multiquery", "four numbers by their four keys, in public-domain prose"),
    _generated("vt", "all variables that a chain of assignments gives one value"),
    _generated("cwe", "the ten most common words of a numbered list"),
    _generated("fwe", "the three most frequent words of a made-up language"),
    Subset(
        "qa_1",
        metric="string_match_part",
        licence=_DATA_LICENCE,
        summary="a question of SQuAD, its paragraph among others",
    ),
    Subset(
        "qa_2",
        metric="string_match_part",
        licence=_DATA_LICENCE,
        summary="a question of HotpotQA over two paragraphs, among others",
        answers_in_question=True,
    ),
)
