from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, MultipleOf

from sparse_hub_core import Size, choice, get_masker_config, integer, loguniform, uniform
from sparse_hub_core.cli.description import domain_text, first_paragraph, type_text
from sparse_hub_core.cli.main import main


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "sink",
            [
                "masker sink",
                "role:         sink",
                "sink_size",
                "one of 4, 16, 64, 128, 256",
                "arxiv.org/abs/2309.17453",
                "choosing costs nothing, and there is no state",
            ],
        ),
        ("oracle_top_k", ["real numbers from 0.005 to 0.2, log-uniform", "int >= 1 or float > 0, <= 1", "0.05"]),
        ("local_sink", ["preset local_sink", "local_window_size", "sink_sink_size", "searched"]),
        ("dense", ["No masker: every key is read"]),
        (
            "ruler",
            ["benchmark ruler", "string_match_all, 0 to 100, higher is better", "licence:      Apache-2.0"],
        ),
        ("ruler/vt", ["task ruler/vt", "higher is better"]),
        ("demo", ["model demo", "2048 tokens"]),
        ("random", ["search algorithm random", "plugin search_builtin"]),
        ("sparsity_5", ["objective sparsity_5", "max(0, density - 0.05)"]),
    ],
)
def test_every_kind_is_described(capsys, name, said):
    assert main(["describe", name]) == 0
    out = capsys.readouterr().out
    for text in said:
        assert text in out
    assert "from:         sparse-hub 0.1.0" in out


def test_the_search_space_is_that_of_the_task(capsys):
    assert main(["describe", "sink", "--task", "ruler/vt"]) == 0
    assert "Search space on ruler/vt:" in capsys.readouterr().out
    assert main(["describe", "sink"]) == 0
    assert "Search space:" in capsys.readouterr().out


def test_where_tasks_differ_the_one_that_is_shown_is_named(capsys, monkeypatch):
    config_class = get_masker_config("sink")
    monkeypatch.setattr(config_class, "get_search_space", lambda task: {"sink_size": choice([len(task)])})
    assert main(["describe", "sink"]) == 0
    assert "Search space on aime2024/all, --task shows it on others:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (Annotated[int, Ge(1), Le(9)], "int >= 1, <= 9"),
        (Annotated[int, Ge(32), MultipleOf(32)], "int >= 32, a multiple of 32"),
        (Annotated[float, Gt(0)] | None, "float > 0 or None"),
        (Size, "int >= 1 or float > 0, <= 1"),
        (Literal["a", 2], "one of 'a', 2"),
        (tuple[int, ...], "tuple[int, ...]"),
    ],
)
def test_types_are_told_with_their_range(annotation, text):
    assert type_text(annotation) == text


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (choice(["a", 3]), "one of 'a', 3"),
        (integer(1, 8), "whole numbers from 1 to 8"),
        (integer(1, 8, log=True), "whole numbers from 1 to 8, log-uniform"),
        (uniform(0, 1), "real numbers from 0.0 to 1.0"),
        (loguniform(0.1, 1), "real numbers from 0.1 to 1.0, log-uniform"),
    ],
)
def test_domains_are_told_in_words(domain, text):
    assert domain_text(domain) == text


def test_only_a_docstring_of_ones_own_counts():
    @dataclass
    class Bare:
        x: int = 1

    def documented():
        """One.

        Two.
        """

    assert first_paragraph(Bare) == ""
    assert first_paragraph(documented) == "One."
    assert first_paragraph(3) == ""
