"""Options of search algorithms: from flags and TOML to the constructor, checked first, and part of the identity."""

from __future__ import annotations

from dataclasses import replace

import importlib_metadata
import pytest

from sparse_hub_core import ConfigError, SearchAlgorithm, UsageError, build_spec, choice
from sparse_hub_core.build_matrix import build_matrix
from sparse_hub_core.cli.main import main
from sparse_hub_core.cli.spec_options import _values
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.search.algorithm_options import complete_options, create_algorithm, options_of
from sparse_hub_core.search.optuna_nsga2 import OptunaNSGA2
from sparse_hub_core.search.random_search import RandomSearch

TASK = "ruler/niah_single_1"


def matrix(registry=None, **settings):
    spec = build_spec({"models": ("demo",), "benchmarks": (TASK,), "presets": ("local_sink",), **settings})
    return build_matrix(spec, registry or load_registry())


def identity(**settings):
    return matrix(**settings).identity("a model", TASK, "local_sink")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (
            "nevergrad",
            {"optimiser": "DE"},
            "'optimiser' is no search option of NevergradSearch: did you mean 'optimizer'?",
        ),
        ("nevergrad", {"optimizer": 3}, "optimizer = 3 is wrong for NevergradSearch: it must be a text"),
        ("nevergrad", {"optimizer": "DEE"}, "nevergrad has no optimizer 'DEE'"),
        ("random", {"x": 1}, "'x' is no search option of RandomSearch: it has none"),
        ("optuna_tpe", {"zzz": 1}, "of OptunaTPE: known are: n_ei_candidates, n_startup_trials"),
        ("optuna_nsga2", {"population_size": 1}, "population_size = 1 is wrong .* at least 2"),
        ("optuna_nsga2", {"population_size": True}, "population_size = True is wrong"),
        ("hyperopt", {"gamma": 1.5}, "below 1; the default is 0.25"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_loaded(name, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        matrix(search_algorithm=name, search_options=options)


def test_options_reach_the_constructor():
    space = {"a": choice([1, 2])}
    algorithm = create_algorithm(OptunaNSGA2, space, 20, 2, 0, {"population_size": 7, "crossover_prob": 1})
    assert algorithm._sampler.population_size == 7
    assert isinstance(create_algorithm(RandomSearch, space, 20, 2, 0, {}), RandomSearch)


class Untyped(SearchAlgorithm):
    def __init__(self, space, num_samples, num_workers, seed, width=3, *, other: NotThere = None):  # noqa: F821
        super().__init__(space, num_samples, num_workers, seed)
        self.width = width

    def ask(self):
        return None

    def tell(self, parameters, objective):
        pass


def test_an_option_whose_type_is_not_known_takes_any_value():
    assert list(options_of(Untyped)) == ["width", "other"]
    assert create_algorithm(Untyped, {}, 1, 1, 0, {"width": "wide"}).width == "wide"


def test_options_and_versions_of_libraries_identify_results():
    plain = identity(search_algorithm="optuna_tpe")
    assert plain["search_options"] == {"n_startup_trials": 10, "n_ei_candidates": 24}
    assert plain["versions"]["optuna"] == importlib_metadata.version("optuna")
    assert "nevergrad" not in plain["versions"]
    assert plain == identity(search_algorithm="optuna_tpe", search_options={"n_startup_trials": 10})
    assert plain != identity(search_algorithm="optuna_tpe", search_options={"n_startup_trials": 9})
    assert identity()["versions"]["nevergrad"] == importlib_metadata.version("nevergrad")
    assert complete_options(RandomSearch, {}) == {}


def lacking(name, package):
    registry = load_registry()
    table = registry.search_algorithms.entries
    table[name] = [replace(table[name][0], packages=(package,))]
    return registry


def test_a_missing_package_is_told_with_what_to_install():
    registry = lacking("optuna_tpe", "no-such-package")
    with pytest.raises(
        UsageError, match=r"'optuna_tpe' needs the package 'no-such-package'.*: pip install no-such-package\.$"
    ):
        matrix(registry, search_algorithm="optuna_tpe")
    # What others use goes on.
    assert matrix(registry, search_algorithm="optuna_nsga2")
    assert not registry.get(registry.search_algorithms, "optuna_tpe").is_installed


def test_a_package_that_is_an_extra_is_installed_as_one(monkeypatch, capsys):
    found = importlib_metadata.version

    def version(name):
        if name == "hyperopt":
            raise importlib_metadata.PackageNotFoundError(name)
        return found(name)

    class Metadata:
        def get_all(self, field):
            return {"Provides-Extra": ["hyperopt", "optuna"]}[field]

    monkeypatch.setattr(importlib_metadata, "version", version)
    monkeypatch.setattr(importlib_metadata, "metadata", lambda name: Metadata())
    assert main(["run", "--debug", "--dry-run", "--search-algorithm", "hyperopt"]) == 2
    told = capsys.readouterr()
    assert "which is not installed: pip install 'sparse-hub[hyperopt]'." in told.err
    assert main(["describe", "hyperopt"]) == 0
    assert "n_startup_jobs" in capsys.readouterr().out


def test_what_another_algorithm_lacks_does_not_fail_a_masker(monkeypatch):
    from sparse_hub_core.testing import Subject
    from sparse_hub_core.testing.maskers import search_space

    registry = lacking("optuna_tpe", "no-such-package")
    registry.search_algorithms.entries["optuna_tpe"][0] = replace(
        registry.get(registry.search_algorithms, "optuna_tpe"), ref="no_such_module:Class"
    )
    monkeypatch.setattr(search_space, "load_registry", lambda: registry)
    search_space.space_converts_to_searchers(Subject.of("local"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("0.5", 0.5), ("true", True), ("DE", "DE"), ('"5"', "5"), ("a=b", "a=b"), ("[1]", "[1]"), ("", "")],
)
def test_a_flags_value_is_what_it_spells(text, value):
    (found,) = _values(None, None, (f"x={text}",)).values()
    assert (found, type(found)) == (value, type(value))


def test_flags_override_lines_of_toml_one_by_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('search_algorithm = "hyperopt"\n[search_options]\ngamma = 0.5\nn_startup_jobs = 7\n')
    spec = build_spec({"search_options": {"gamma": 0.3}}, path)
    assert spec.search_options == {"gamma": 0.3, "n_startup_jobs": 7}
    path.write_text("[search_options]\ngamma = [1]\n")
    with pytest.raises(ConfigError, match=r"search_options\.gamma"):
        build_spec({}, path)


def test_describe_shows_options_with_their_defaults(capsys):
    assert main(["describe", "nevergrad"]) == 0
    told = capsys.readouterr().out
    assert "Options, --search-option NAME=VALUE" in told
    assert "optimizer  str             'NGOpt'" in told
    assert main(["describe", "random"]) == 0
    assert "It has no options." in capsys.readouterr().out


def test_every_package_of_the_algorithms_here_is_declared():
    entries = load_registry().search_algorithms
    packages = {package for entry in entries for package in entry.packages}
    assert packages == {"nevergrad", "optuna", "hyperopt"}
