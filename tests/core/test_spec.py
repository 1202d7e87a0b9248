from __future__ import annotations

from pathlib import Path

import pytest

from sparse_hub_core.errors import ConfigError, UsageError
from sparse_hub_core.spec import DEBUG, Spec, build_spec, flag_name


def from_toml(folder: Path, text: str, flags=None, debug=False) -> Spec:
    path = folder / "mine.toml"
    path.write_text(text)
    return build_spec(flags or {}, path, debug)


def test_the_defaults_are_the_documented_ones():
    spec = build_spec({})
    search, validation = spec.search, spec.validation
    assert spec.num_samples == 50
    assert (search.timeout, search.max_new_tokens, search.max_context_length, search.max_requests) == (
        900,
        20,
        8192,
        10,
    )
    assert (validation.timeout, validation.max_new_tokens) == (1800, 50)
    assert (validation.max_context_length, validation.max_requests) == (16384, 20)


def test_flags_beat_the_file_which_beats_debug_which_beats_the_defaults(tmp_path):
    text = 'num_samples = 7\nmodels = ["a"]\n[search]\ntimeout = 3\nmax_requests = 4\n'
    spec = from_toml(tmp_path, text, {"search": {"max_requests": 2}, "models": ("b",)}, debug=True)
    assert (spec.num_samples, spec.models, spec.search.timeout, spec.search.max_requests) == (7, ("b",), 3, 2)
    assert spec.search.max_context_length == DEBUG["search"]["max_context_length"]
    assert spec.seed == 0


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("sede = 1", "sede", "did you mean 'seed'"),
        ("[search]\nmax_request = 1", "search.max_request", "did you mean 'max_requests'"),
        ("[serach]\ntimeout = 1", "serach", "did you mean 'search'"),
        ('seed = "one"', "seed", "it must be a whole number"),
        ("seed = -1", "seed", "at least 0"),
        ("num_samples = 1.5", "num_samples", "a whole number"),
        ("[search]\ntimeout = 0", "search.timeout", "above 0"),
        ("[validation]\nmax_requests = true", "validation.max_requests", "a whole number"),
        ("search = 3", "search", "a table of names"),
        ("models = 'demo'", "models", "list"),
        ("models = ['demo', 3]", "models.1", "a text"),
        ("scheduler = 'ahsa'", "scheduler", "'median' or 'none'"),
        ("device = 'gpu'", "device", "'auto', 'cpu' or 'cuda'"),
        ("max_concurrent = 0", "max_concurrent", "at least 1"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_key_path(tmp_path, text, key, hint):
    with pytest.raises(ConfigError) as caught:
        from_toml(tmp_path, text)
    sentence = str(caught.value)
    assert sentence.startswith(f"{tmp_path / 'mine.toml'}: {key} ")
    assert hint in sentence
    assert "\n" not in sentence


def test_lists_are_taken_as_well_as_tuples():
    assert build_spec({"models": ["demo"], "data": {"folder": {}}}).models == ("demo",)


def test_a_wrong_file_is_told_of_even_where_a_flag_overrides_it(tmp_path):
    with pytest.raises(ConfigError, match=r"mine.toml: seed"):
        from_toml(tmp_path, "seed = -1", {"seed": 1})


@pytest.mark.parametrize(
    ("flags", "flag"),
    [
        ({"num_samples": 0}, "--num-samples = 0 "),
        ({"search": {"timeout": -1.0}}, "--search-timeout = -1.0 "),
        ({"validation": {"max_requests": 0}}, "--validation-max-requests = 0 "),
        ({"device": "tpu"}, "--device = 'tpu' "),
        ({"seed": -3}, "--seed = -3 "),
        ({"search_options": {"a": [1]}}, "--search-options-a = (1,) is wrong: it must be true or false, or a whole"),
    ],
)
def test_a_flag_out_of_range_is_named(flags, flag):
    with pytest.raises(ConfigError) as caught:
        build_spec(flags)
    assert str(caught.value).startswith(flag)


@pytest.mark.parametrize(("content", "said"), [(b"seed = = 1", "line 1, column 8"), (b"\xff\xfe", "not valid TOML")])
def test_what_is_no_toml_says_where(tmp_path, content, said):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        build_spec({}, path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(UsageError, match="No such file or directory; check --config"):
        build_spec({}, tmp_path / "none.toml")
    with pytest.raises(UsageError, match="Is a directory"):
        build_spec({}, tmp_path)


@pytest.mark.parametrize(
    ("path", "flag"),
    [("models", "--model"), ("num_samples", "--num-samples"), ("search.max_requests", "--search-max-requests")],
)
def test_flags_are_spelt_as_documented(path, flag):
    assert flag_name(path) == flag
