"""Result cards, made of files by hand: what they hold and how they read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cards_by_hand import NUM, best, changed, write_run

from sparse_hub_core import ModelError, SparseAttention, UsageError
from sparse_hub_core.cli.main import main
from sparse_hub_core.models.source import ModelSource
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.report.card import card_markdown
from sparse_hub_core.report.making_cards import make_card, validated_winners
from sparse_hub_core.results.card import Card, read_card
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.schema import MaskerRecord
from sparse_hub_core.validate_best import judging


@pytest.fixture
def card(tmp_path: Path) -> Card:
    (winner,) = validated_winners(write_run(tmp_path, best()))
    return make_card(winner, load_registry())


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs the program and returns its exit code and all that it printed."""

    def call(*arguments: str | Path) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


def test_a_card_tells_what_was_measured_and_nothing_of_this_machine(card: Card, tmp_path: Path) -> None:
    text = card.model_dump_json()
    for secret in (str(tmp_path), "/home", "secret reference", "dense 3", "sparse 3"):
        assert secret not in text
    assert card.task.licence == "Apache-2.0"
    assert (card.task.data, card.task.score_range) == ("generated", (0.0, 100.0))
    assert [(one.masker, one.distribution) for one in card.configuration.maskers] == [
        ("local", "sparse-hub"),
        ("sink", "sparse-hub"),
    ]
    assert card.versions == {"torch": "2.13", "transformers": "5.1", "sparse-hub": "0.0.1"}
    assert {card.task.distribution_version, *(one.version for one in card.configuration.maskers)} == {"0.0.1"}
    assert card.code == {"core": "c0", "benchmark": "b0", "local": "l0"}
    assert len({question.sparse_sha256 for question in card.questions}) == NUM


def test_a_model_in_a_folder_and_files_in_parameters_go_by_their_names(tmp_path: Path) -> None:
    weights = tmp_path / "someone" / "weights.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"w")
    masker = MaskerRecord(masker="sink", parameters={"file": str(weights), "more": [{"path": "~/other"}]})
    given = best(model_source=str(tmp_path), maskers=[masker], parameters={"sink_file": str(weights)})
    (winner,) = validated_winners(write_run(tmp_path, given))
    made = make_card(winner, load_registry())
    assert "someone" not in made.model_dump_json()
    assert made.model.source is None
    (kept,) = made.configuration.maskers
    assert kept.parameters == {"file": "weights.safetensors", "more": [{"path": "other"}]}
    assert kept.files["weights.safetensors"].startswith("50e721e49c013f00")


@pytest.mark.parametrize(
    "what", ["", "demo/ruler__niah_multikey_2/local_sink", "demo/ruler__niah_multikey_2/local_sink/best.json"]
)
def test_the_program_writes_cards_of_a_run_of_a_cell_or_of_a_best_json(
    said: Callable[..., tuple[int, str]], tmp_path: Path, what: str
) -> None:
    run = write_run(tmp_path, best())
    code, printed = said("card", run / what, "--output", tmp_path / "out")
    assert (code, "card.json" in printed) == (0, True)
    assert read_card(tmp_path / "out" / "card.json") is not None
    assert (tmp_path / "out" / "card.md").read_text().startswith("# local_sink on ruler")
    assert said("card", run / what)[0] == 0
    assert (run / "demo" / "ruler__niah_multikey_2" / "local_sink" / "card.json").exists()


def test_cards_of_one_run_do_not_overwrite_each_other(said: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    run = write_run(tmp_path, best(), best("other"), best("other", target="density-5"))
    assert said("card", run, "--output", tmp_path / "out")[0] == 0
    names = sorted(path.parent.name for path in (tmp_path / "out").glob("*/card.json"))
    place = "demo--ruler__niah_multikey_2"
    assert names == [f"{place}--local_sink", f"{place}--other", f"{place}--other--density-5"]


def test_a_card_says_among_how_many_winners_it_was_judged(tmp_path: Path) -> None:
    given = (best(), best("other"), best("other", target="density-5"))
    run = write_run(tmp_path, *given, p_values=(0.03, 0.01, 0.6))
    cards = [make_card(winner, load_registry()) for winner in validated_winners(run)]
    assert [card.results.num_winners for card in cards] == [3, 3, 3]
    assert [card.results.adjusted_p for card in cards] == pytest.approx([0.06, 0.03, 0.6])
    first, second, _ = (card_markdown(card, load_registry()) for card in cards)
    assert "one of 3 winners" in first
    assert "| p value, adjusted by Holm over 3 winners | 0.06 |" in first
    # By itself it would be told from dense attention.
    assert [", which is within noise" in page for page in (first, second)] == [True, False]
    (alone,) = validated_winners(run / "demo" / "ruler__niah_multikey_2" / "local_sink")
    assert make_card(alone, load_registry()) == cards[0]


def test_a_card_of_the_only_winner_is_not_adjusted(tmp_path: Path) -> None:
    (winner,) = validated_winners(write_run(tmp_path, best(), p_values=(0.03,)))
    made = make_card(winner, load_registry())
    assert (made.results.num_winners, made.results.adjusted_p) == (1, 0.03)
    page = card_markdown(made, load_registry())
    assert ("winners" in page, "Holm" in page) == (False, False)


def test_a_card_is_known_by_its_kind_wherever_that_stands(card: Card, tmp_path: Path) -> None:
    content = card.model_dump(mode="json")
    for name in ("num_winners", "adjusted_p"):
        del content["results"][name]
    kind = content.pop("kind")
    (tmp_path / "card.json").write_text(json.dumps({**content, "kind": kind}))
    found = read_card(tmp_path / "card.json")
    assert found is not None
    assert (found.questions, found.results.num_winners) == (card.questions, None)
    write_json(tmp_path / "best.json", best(budget=card.kind))
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert read_card(tmp_path / "best.json") is read_card(tmp_path / "deep.json") is None


def test_the_schema_is_the_one_that_cards_keep(said: Callable[..., tuple[int, str]], card: Card) -> None:
    code, printed = said("card", "--schema")
    schema = json.loads(printed)
    assert code == 0
    assert schema["properties"].keys() == json.loads(card.model_dump_json()).keys()
    assert schema["properties"]["schema_version"]["const"] == 1
    assert not schema["additionalProperties"]


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda folder: folder / "missing.json", "There is no run"),
        (lambda folder: folder, "is no run, no cell's folder and no best.json|holds no validated winner"),
        (
            lambda folder: (
                next(write_run(folder, best()).rglob("validation.json")).unlink() or folder / "run-0123456789"
            ),
            "no validated winner yet",
        ),
        (
            lambda folder: (
                next(write_run(folder, best()).rglob("predictions.jsonl")).unlink() or folder / "run-0123456789"
            ),
            "holds no prediction",
        ),
    ],
    ids=["missing", "no run", "not validated", "no predictions"],
)
def test_what_has_no_card_is_told_in_a_sentence(
    said: Callable[..., tuple[int, str]], tmp_path: Path, prepare: Callable[[Path], Path], sentence: str
) -> None:
    code, printed = said("card", prepare(tmp_path))
    assert code == 2
    assert re.search(sentence, printed)
    assert printed.count("\n") == 1


def test_a_file_beside_the_run_goes_by_its_name_and_its_digest_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "someone").mkdir()
    (tmp_path / "someone" / "w.bin").write_bytes(b"w")
    monkeypatch.chdir(tmp_path)
    others = {"kind": "cosine", "long": "x" * 5000}
    masker = MaskerRecord(masker="sink", parameters={"file": "someone/w.bin", "home": "~nobody-here/x", **others})
    (winner,) = validated_winners(write_run(tmp_path, best(maskers=[masker])))
    (kept,) = make_card(winner, load_registry()).configuration.maskers
    assert kept.parameters == {"file": "w.bin", "home": "x", **others}
    assert list(kept.files) == ["w.bin"]


def test_a_card_says_within_noise_where_few_differ_though_the_interval_leaves_out_zero(card: Card) -> None:
    told = changed(card, "results.p_value", 0.0625)
    assert ", which is within noise" in card_markdown(told, load_registry())
    assert ", which is within noise" not in card_markdown(changed(told, "results.p_value", 0.01), load_registry())


def test_the_page_of_a_card_has_the_code_and_the_numbers(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = card_markdown(card, load_registry())
    for expected in (
        "**75**",
        "**100**",
        "-25 [-30, -20], n=20 in 20 requests",
        "**8.00%**",
        "sparse-hub validate card.json",
    ):
        assert expected in page
    (code,) = [part.partition("```")[0] for part in page.split("```python\n")[1:]]
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "card.json", card)
    names: dict[str, Any] = {}
    exec(code.partition("\nwith attention.on")[0], names)
    assert names["attention"].masker_configs == SparseAttention.load("card.json").masker_configs


HOSTILE = "<script>alert(1)</script> | [a](javascript:b) `c` ``` # d"


@pytest.mark.parametrize(
    "where", ["model.name", "task.metric", "task.data", "task.licence", "command", "configuration.budget"]
)
def test_nothing_of_a_card_becomes_markup(card: Card, where: str) -> None:
    page = card_markdown(changed(card, where, HOSTILE), load_registry())
    fenced = page.split("## Reproduce it")[1] if where == "command" else ""
    prose = page.replace(fenced, "")
    assert "<script>" not in prose
    assert "](javascript" not in prose
    assert page.count("\n## ") == 4
    if where == "command":
        assert f"````sh\n{HOSTILE}\n````" in fenced


@pytest.mark.parametrize(
    ("source", "fingerprint", "expected"),
    [
        ("org/model", "c" * 40, ("org/model", "c" * 40)),
        ("org/model@main", "c" * 40, ("org/model", "main")),
        ("org/model", "f" * 16, ("org/model", None)),
    ],
)
def test_a_model_of_a_hub_is_taken_at_the_commit_that_was_measured(
    card: Card,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[..., tuple[int, str]],
    source: str,
    fingerprint: str,
    expected: tuple[str, str | None],
) -> None:
    write_json(tmp_path / "card.json", changed(changed(card, "model.source", source), "model.fingerprint", fingerprint))
    found = judging(tmp_path / "card.json", {}).source
    assert (found.location, found.revision) == expected
    loaded: list[ModelSource] = []

    def load(source: ModelSource, *how: str) -> None:
        loaded.append(source)
        raise ModelError("It is not here.")

    monkeypatch.setattr("sparse_hub_core.models.loading.load_model", load)
    code, printed = said("generate", "--prompt", "a", "--config", tmp_path / "card.json")
    assert (code, [(one.location, one.revision) for one in loaded]) == (1, [expected])
    assert printed.startswith(f"The model comes from {expected[0]}")
    other = judging(tmp_path / "card.json", {"models": ("demo",), "seed": 3})
    assert (other.source.name, other.matrix.spec.seed, other.matrix.spec.dtype) == ("demo", 3, "float32")


def test_a_parameters_name_does_not_become_code(card: Card) -> None:
    name = "sink_size=1)]); print('owned'); ([dict(a"
    page = card_markdown(changed(card, "configuration.maskers.1.parameters", {name: 4}), load_registry())
    assert f"SinkMaskerConfig.from_parameters({ ({name: 4})!r})" in page


def test_what_no_card_can_hold_is_told_in_a_sentence(said: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, printed = said("card", write_run(tmp_path, best(budget="a\x07")))
    assert (code, printed.count("\n")) == (2, 1)
    assert "cannot become a card: budget" in printed


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("schema_version", 2),
        ("kind", "something"),
        ("model.name", "a\x1b[31mred"),
        ("model.name", "x" * 500),
        ("model.source", "/etc"),
        ("model.source", "../models/of/others"),
        ("task.name", "ruler/\nx"),
        ("questions", []),
        ("questions.0.sparse_sha256", "no digest"),
        ("results.density", "NaN"),
        ("results.dense.mean", float("nan")),
        ("questions.0.sparse_score", 101),
        ("task.score_range", [0, 0]),
        ("configuration.preset", "dense/"),
        ("configuration.target", ".."),
        ("validation.settings.max_context_length", 10**9),
        ("validation.settings.timeout", "1 day"),
        ("more", 1),
    ],
)
def test_what_is_no_card_of_this_version_is_refused_in_a_sentence(
    said: Callable[..., tuple[int, str]], card: Card, tmp_path: Path, where: str, value: Any
) -> None:
    content = card.model_dump(mode="json")
    place: Any = content
    *parts, last = where.split(".")
    for part in parts:
        place = place[int(part)] if part.isdigit() else place[part]
    place[last] = value
    path = tmp_path / "card.json"
    path.write_text(json.dumps(content))
    for command in (("validate", path), ("generate", "--prompt", "a", "--config", path)):
        code, printed = said(*command)
        assert code == 2
        assert printed.count("\n") == 1
        assert "card.json is damaged" in printed


def test_no_name_in_a_card_reaches_the_terminal_as_a_code(
    said: Callable[..., tuple[int, str]], card: Card, tmp_path: Path
) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(card.model_dump(mode="json") | {"\x1b[2Jmore": 1}))
    code, printed = said("validate", path)
    assert (code, "\x1b" in printed, "[2Jmore" in printed) == (2, False, True)


def test_a_huge_or_a_cut_off_card_is_refused(said: Callable[..., tuple[int, str]], card: Card, tmp_path: Path) -> None:
    path, text = tmp_path / "card.json", card.model_dump_json()
    path.write_text(text[:900])
    assert said("validate", path)[0] == 2
    with path.open("w") as file:
        file.write(text)
        file.truncate(40 << 20)
    code, printed = said("validate", path)
    assert (code, "more than any result card" in printed) == (2, True)


@pytest.mark.parametrize("command", ["validate", "generate"])
def test_maskers_of_a_card_are_looked_up_and_nothing_else(
    said: Callable[..., tuple[int, str]], card: Card, tmp_path: Path, command: str
) -> None:
    path = tmp_path / "card.json"
    for name, sentence in (("os:system", "os:system"), ("no_such_masker", "no_such_masker")):
        write_json(path, changed(card, "configuration.maskers.0.masker", name))
        code, printed = said(
            *({"validate": ["validate", path], "generate": ["generate", "--prompt", "a", "--config", path]}[command])
        )
        assert (code, sentence in printed, printed.count("\n")) == (2, True, 1)


def test_a_card_of_a_model_in_a_folder_asks_for_it(
    said: Callable[..., tuple[int, str]], card: Card, tmp_path: Path
) -> None:
    path = tmp_path / "card.json"
    write_json(path, changed(card, "model.source", None))
    for command in (("validate", path), ("generate", "--prompt", "a", "--config", path)):
        code, printed = said(*command)
        assert (code, "--model" in printed, "f" * 16 in printed) == (2, True, True)


def test_a_card_that_reads_more_than_all_keys_is_refused(tmp_path: Path) -> None:
    (winner,) = validated_winners(write_run(tmp_path, best()))
    content = json.loads(make_card(winner, load_registry()).model_dump_json())
    content["results"]["density"] = 1.7
    path = tmp_path / "card.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"results\.density"):
        read_card(path)


def test_the_page_says_what_is_read_and_which_packages_it_takes(tmp_path: Path) -> None:
    (winner,) = validated_winners(write_run(tmp_path, best()))
    page = card_markdown(make_card(winner, load_registry()), load_registry())
    assert "of the bytes that dense attention reads" in page
    assert re.search(r"It needs sparse-hub \d[^,\n]*", page)


def test_a_card_of_a_masker_that_is_not_here_names_its_package(card: Card, tmp_path: Path) -> None:
    content = card.model_dump(mode="json")
    content["configuration"]["maskers"][0] |= {"masker": "elsewhere", "distribution": "sparse-hub-elsewhere"}
    path = tmp_path / "card.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="needs the masker 'elsewhere' of sparse-hub-elsewhere"):
        judging(path, {})
