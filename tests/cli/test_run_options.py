from __future__ import annotations

import importlib
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from sparse_hub_core.cli.run import run, search, validate
from sparse_hub_core.cli.spec_options import flags_to_settings
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.run_directory import RunDirectory
from sparse_hub_core.spec import Spec, build_spec, flag_name

DOCUMENTED = """
--config --model --benchmark --preset
--debug --dry-run --num-samples --search-timeout
--search-max-new-tokens --search-max-context-length --search-max-requests --validation-timeout
--validation-max-new-tokens --validation-max-context-length --validation-max-requests --search-algorithm
--scheduler --objective --seed --device
--dtype --max-concurrent --ray-address --output-dir
"""


def flags(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def paths(model: type[BaseModel], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= paths(type(field.default), f"{name}.")
        else:
            found[prefix + name] = field.default
    return found


def test_run_has_every_documented_option():
    assert set(DOCUMENTED.split()) <= flags(run)


@pytest.mark.parametrize("path", paths(Spec))
def test_every_setting_has_an_option_whose_help_tells_the_default(path):
    option = next(parameter for parameter in run.params if flag_name(path) in parameter.opts)
    default = paths(Spec)[path]
    if default not in ((), None, {}, False):
        values = default if isinstance(default, tuple) else (default,)
        told = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
        assert f"[default: {told}]" in option.help


def test_each_stage_has_its_own_options_only():
    assert "--search-timeout" in flags(search)
    assert "--validation-timeout" not in flags(search)
    assert "--validation-timeout" in flags(validate)
    assert not {"--search-timeout", "--num-samples", "--preset"} & flags(validate)


def parse(*arguments: str) -> Spec:
    context = run.make_context("run", list(arguments))
    own = {"config", "debug", "dry_run"}
    return build_spec(flags_to_settings({name: value for name, value in context.params.items() if name not in own}))


def test_without_flags_the_spec_has_its_defaults():
    assert parse() == build_spec({})


def test_flags_reach_the_spec():
    spec = parse(
        "--model", "a", "--model", "b", "--search-timeout", "3", "--validation-max-requests", "7",
        "--max-concurrent", "2", "--device", "cuda", "--dtype", "bfloat16", "--seed", "0",
    )  # fmt: skip
    assert spec.models == ("a", "b")
    assert (spec.search.timeout, spec.validation.max_requests, spec.max_concurrent) == (3.0, 7, 2)
    assert (spec.device, spec.dtype) == ("cuda", "bfloat16")


# "from sparse_hub_core import ..." would give the function of that name.
ORCHESTRATOR = importlib.import_module("sparse_hub_core.execute_full_benchmark")


class Recorder:
    """Stands in for the orchestrator."""

    def __init__(self, outcome):
        self.outcome = outcome

    def __call__(self, spec, registry, progress, stages):
        self.spec, self.stages = spec, stages
        progress.begin(1)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        write_json(RunDirectory(Path(spec.output_dir) / self.outcome.run_id).summary, self.outcome)
        return self.outcome


@pytest.mark.parametrize(("command", "stages"), [("run", ("search", "validate")), ("search", ("search",))])
def test_a_failed_cell_gives_exit_1(monkeypatch, capsys, cells, command, stages, tmp_path):
    from sparse_hub_core.cli.main import main
    from sparse_hub_core.results.schema import SummaryFile

    monkeypatch.chdir(tmp_path)
    recorder = Recorder(SummaryFile(run_id="run-0", cells=cells))
    monkeypatch.setattr(ORCHESTRATOR, "execute_full_benchmark", recorder)
    assert main([command, "--debug"]) == 1
    assert recorder.stages == stages
    assert recorder.spec.presets[0] == "local_sink"
    assert "Failed: demo" in capsys.readouterr().out

    monkeypatch.setattr(ORCHESTRATOR, "execute_full_benchmark", Recorder(SummaryFile(run_id="run-0", cells=cells[:3])))
    assert main([command, "--debug"]) == 0


def test_an_interruption_says_how_to_go_on(monkeypatch, capsys):
    from sparse_hub_core.cli.main import main

    monkeypatch.setattr(ORCHESTRATOR, "execute_full_benchmark", Recorder(KeyboardInterrupt()))
    assert main(["run", "--debug"]) == 130
    assert "Interrupted; what was finished is kept: run the same command again to go on.\n" in capsys.readouterr().err
