"""``sparse-hub generate``: text to the standard output, figures to the standard error, mistakes in one sentence."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cards_by_hand import best, write_run

from sparse_hub_core import LoadedModel, MaskerConfig, SparseAttention, UsageError, get_masker_config, get_model
from sparse_hub_core.answering import Answer, answer, prompt_ids
from sparse_hub_core.cli.main import main
from sparse_hub_core.results.schema import MaskerRecord

PROMPT = "The special magic number for cat is 1234567. " * 12 + "The special magic number for cat is"
LITTLE = [
    MaskerRecord(masker="sink", parameters={"sink_size": 2}),
    MaskerRecord(masker="local", parameters={"window_size": 4}),
]


@pytest.fixture(scope="module")
def demo() -> LoadedModel:
    return get_model("demo", "cpu")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return next(write_run(tmp_path, best(maskers=LITTLE)).rglob("best.json"))


@pytest.fixture
def generate(config: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command and returns its exit code, its standard output and its standard error."""

    def call(*arguments: str, given: Path = config) -> tuple[int, str, str]:
        code = main(["generate", "--config", str(given), "--device", "cpu", "--max-new-tokens", "8", *arguments])
        return code, *capsys.readouterr()

    return call


def test_the_text_is_what_the_model_says_and_the_figures_stand_apart(
    generate: Callable[..., tuple[int, str, str]], demo: LoadedModel, config: Path
) -> None:
    code, text, figures = generate("--prompt", PROMPT)
    inputs = demo.tokenizer(PROMPT, return_tensors="pt")
    with SparseAttention.load(config).on(demo.model):
        ids = demo.model.generate(**inputs, max_new_tokens=8, do_sample=False)[0, inputs.input_ids.shape[1] :]
    assert code == 0
    assert text == demo.tokenizer.decode(ids, skip_special_tokens=True) + "\n"
    assert "prompt tokens, 8 new in" in figures
    assert "density" in figures


def test_dense_attention_says_something_else_and_has_no_density(generate: Callable[..., tuple[int, str, str]]) -> None:
    _, sparse, _ = generate("--prompt", PROMPT)
    code, dense, figures = generate("--prompt", PROMPT, "--dense")
    assert code == 0
    assert dense != sparse
    assert "1234567" in dense
    assert figures.rstrip().endswith("; dense.")


def test_json_holds_the_text_and_all_figures(generate: Callable[..., tuple[int, str, str]]) -> None:
    _, text, _ = generate("--prompt", PROMPT)
    code, printed, figures = generate("--prompt", PROMPT, "--json")
    said = json.loads(printed)
    assert (code, figures) == (0, "")
    assert said["text"] + "\n" == text
    assert set(said) == {"text", "prompt_tokens", "new_tokens", "density", "io_density", "seconds", "tokens_per_second"}
    # Two sinks and the last four keys, for each token but the first, which the prompt gives.
    assert said["new_tokens"] == 8
    assert said["density"] == pytest.approx(6 / (said["prompt_tokens"] + 4))
    assert json.loads(generate("--prompt", PROMPT, "--json", "--dense")[1])["density"] is None


def test_json_on_a_terminal_holds_nothing_that_could_control_it(
    generate: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Answer("\x9b2Jé", 1, 1, None, None, 1.0, None)
    monkeypatch.setattr("sparse_hub_core.answering.answer", lambda *given: said)
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stdout, "isatty", lambda shown=is_terminal: shown)
        printed = generate("--prompt", "a", "--json")[1]
        assert json.loads(printed)["text"] == said.text
        assert printed.isascii() == is_terminal


def test_a_prompt_comes_from_a_file_or_the_standard_input(
    generate: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = generate("--prompt", PROMPT)[1]
    (tmp_path / "prompt.txt").write_text(PROMPT)
    assert generate("--prompt-file", str(tmp_path / "prompt.txt"))[1] == expected
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PROMPT.encode())))
    assert generate("--prompt-file", "-")[1] == expected


def test_a_card_and_a_cells_folder_are_configurations_too(
    generate: Callable[..., tuple[int, str, str]], config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = generate("--prompt", PROMPT)[1]
    assert main(["card", str(config), "--output", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    for given in (config.parent, tmp_path / "out" / "card.json"):
        assert generate("--prompt", PROMPT, given=given)[1] == expected
        assert SparseAttention.load(given).masker_configs == SparseAttention.load(config).masker_configs


def test_a_copy_of_the_model_in_a_folder_says_the_same(
    generate: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    import sparse_hub_benchmarks_builtin

    source = Path(sparse_hub_benchmarks_builtin.__file__).parent / "demo_model"
    shutil.copytree(source, tmp_path / "copy")
    given = generate("--prompt", PROMPT, "--model", str(tmp_path / "copy"), "--dtype", "float32")
    assert given[1] == generate("--prompt", PROMPT)[1]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "either --prompt TEXT or --prompt-file FILE"),
        (["--prompt", "a", "--prompt-file", "b"], 2, "either --prompt TEXT or --prompt-file FILE"),
        (["--prompt", " \n"], 2, "The prompt is empty"),
        (["--prompt-file", "missing.txt"], 2, "missing.txt cannot be read"),
        (["--prompt", "a", "--model", "no_such_model"], 2, "Unknown model 'no_such_model'"),
        (["--prompt", "a", "--max-new-tokens", "0"], 2, "--max-new-tokens"),
        (["--prompt", "a", "--chat"], 2, "no chat template"),
    ],
)
def test_a_mistake_is_one_sentence(
    generate: Callable[..., tuple[int, str, str]], arguments: list[str], code: int, sentence: str
) -> None:
    got, text, error = generate(*arguments)
    assert (got, text, error.count("\n")) == (code, "", 1)
    assert sentence in error


def test_a_wrong_file_is_one_sentence(generate: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "broken.json").write_text("{")
    (wrong / "prompt.txt").write_bytes(b"\xff\xfe")
    for given, sentence in (
        (wrong / "missing.json", "missing.json cannot be read: No such file"),
        (wrong / "broken.json", "broken.json is damaged"),
        (wrong, "holds no best.json"),
    ):
        code, text, error = generate("--prompt", "a", given=given)
        assert (code, text, error.count("\n")) == (2, "", 1)
        assert sentence in error
    assert "no text in UTF-8" in generate("--prompt-file", str(wrong / "prompt.txt"))[2]


def test_a_masker_that_is_not_installed_is_one_sentence(
    generate: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    run = write_run(tmp_path / "other", best(maskers=[MaskerRecord(masker="not_here", parameters={})]))
    code, text, error = generate("--prompt", "a", given=next(run.rglob("best.json")))
    assert (code, text, error.count("\n")) == (2, "", 1)
    assert "not_here" in error


@pytest.mark.filterwarnings("always")
def test_more_than_the_model_knows_is_warned_about(generate: Callable[..., tuple[int, str, str]]) -> None:
    code, _, error = generate("--prompt", "word " * 2100)
    assert code == 0
    assert "Warning: The prompt and its answer may take" in error
    assert "knows only 2048" in error


class Chatty:
    """A tokenizer with a chat template."""

    chat_template = "a template"
    eos_token_id = None

    def apply_chat_template(self, turns: list[dict[str, str]], **how: Any) -> str:
        if turns[0]["content"] == "bad":
            raise ValueError("no such role")
        return f"<user>{turns[0]['content']}<model>"

    def __call__(self, text: str, add_special_tokens: bool = True) -> Any:
        ids = [*([1] if add_special_tokens else []), *map(ord, text)]
        return type("Encoded", (), {"input_ids": ids})


def test_a_chat_template_is_used_where_there_is_one() -> None:
    assert prompt_ids(Chatty(), "a", None) == list(map(ord, "<user>a<model>"))
    assert prompt_ids(Chatty(), "a", chat=False) == [1, ord("a")]
    with pytest.raises(Exception, match="chat template of this tokenizer fails: no such role"):
        prompt_ids(Chatty(), "bad", chat=True)
    with pytest.raises(UsageError, match="empty"):
        prompt_ids(Chatty(), "", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cache_implementation", "static"), ("repetition_penalty", 9.0), ("no_repeat_ngram_size", 1), ("num_beams", 4)],
)
def test_a_models_own_settings_do_not_change_the_answer(
    demo: LoadedModel, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    ids = prompt_ids(demo.tokenizer, PROMPT, None)
    configs = [get_masker_config("sink")(sink_size=2)]
    expected = answer(demo, ids, configs, 4).text
    monkeypatch.setattr(demo.model.generation_config, name, value)
    assert answer(demo, ids, configs, 4).text == expected
    assert getattr(demo.model.generation_config, name) == value


def test_text_comes_in_pieces(demo: LoadedModel) -> None:
    pieces: list[str] = []
    configs: list[MaskerConfig] = [get_masker_config("sink")(sink_size=1.0)]
    said = answer(demo, prompt_ids(demo.tokenizer, PROMPT, None), configs, 12, pieces.append)
    assert "".join(pieces) == said.text
    assert len(pieces) > 2
    assert said.density == 1.0
