"""The ``check`` command: the conformance kit on one masker or benchmark."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

import click

from sparse_hub_core.errors import UsageError
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry
from sparse_hub_core.report.text import write_table

if TYPE_CHECKING:
    from sparse_hub_core.testing.check import Checked


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def check(name: str, as_json: bool) -> int:
    """Check NAME, a masker, a benchmark or a benchmark/subset, for what every one of its kind must hold.

    Maskers are causal, keep to their budget, resume; benchmarks score their own answers best, load without a network,
    and give the same requests everywhere. Ends with 1 where a check failed; what known_failures names must fail.
    """
    registry = load_registry()
    subject = _subject(registry, _as_registered(registry, name))
    from sparse_hub_core.testing.outcome import run_checks

    outcomes = list(run_checks(subject))
    if as_json:
        records = [
            {
                "name": outcome.check.name,
                "result": outcome.result,
                "reason": outcome.reason,
                "description": outcome.check.description,
            }
            for outcome in outcomes
        ]
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))
    else:
        write_table(("check", "result", "reason"), [(o.check.name, o.result, o.reason or "") for o in outcomes])
    return int(any(outcome.result == "failed" for outcome in outcomes))


def _as_registered(registry: Registry, name: str) -> str:
    """Return the name with "_" for "-" where only that is registered: ``new`` takes both."""
    asked, slash, subset = name.partition("/")
    distribution, colon, plain = asked.rpartition(":")
    respelled = f"{distribution}{colon}{plain.replace('-', '_')}"
    known = [one for one in (asked, respelled) if any(table.claimants(one) for table in registry.tables())]
    return f"{known[0]}{slash}{subset}" if known else name


def _subject(registry: Registry, name: str) -> Checked:
    if not registry.maskers.claimants(name):
        if "/" in name or registry.benchmarks.claimants(name) or _is_nearly_a_benchmark(registry, name):
            # Imported here because the kit is needed by no other command.
            from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject

            return BenchmarkSubject.of(name, registry=registry)
        _refuse_other_kinds(registry, name)
    # Told before torch is imported.
    registry.get(registry.maskers, name)
    from sparse_hub_core.testing.maskers.subject import Subject

    return Subject.of(name, registry=registry)


def _is_nearly_a_benchmark(registry: Registry, name: str) -> bool:
    if any(table.claimants(name) for table in registry.tables()):
        return False
    benchmarks = [entry.name for entry in registry.benchmarks]
    maskers = [entry.name for entry in registry.maskers]
    nearest = difflib.get_close_matches(name, [*benchmarks, *maskers], n=1)
    return bool(nearest) and nearest[0] in benchmarks


def _refuse_other_kinds(registry: Registry, name: str) -> None:
    for table in registry.tables():
        if table.claimants(name):
            raise UsageError(f"{name!r} is a {table.kind}; sparse-hub check covers maskers and benchmarks so far.")
