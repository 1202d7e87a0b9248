"""The ``check`` command: the conformance kit on one masker, benchmark or search algorithm."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import click

from sparse_hub_core.errors import UsageError
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry, Table
from sparse_hub_core.report.text import write_table

if TYPE_CHECKING:
    from sparse_hub_core.testing.check import Checked


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def check(name: str, as_json: bool) -> int:
    """Check NAME, a masker, a benchmark[/subset] or a search algorithm, for what every one of its kind must hold.

    Maskers are causal, keep to their budget, resume; benchmarks score their own answers best, load without a network,
    and give the same requests everywhere; search algorithms keep to the space and take what they are told. Ends with 1
    where a check failed; what known_failures names must fail.
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
    # The kit is imported here because no other command needs it.
    if not registry.maskers.claimants(name):
        if "/" in name or _is_or_is_near(registry, registry.benchmarks, name):
            from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject

            return BenchmarkSubject.of(name, registry=registry)
        if _is_or_is_near(registry, registry.search_algorithms, name):
            from sparse_hub_core.testing.search_algorithms.subject import SearchAlgorithmSubject

            return SearchAlgorithmSubject.of(name, registry=registry)
        _refuse_other_kinds(registry, name)
    # Told before torch is imported.
    registry.get(registry.maskers, name)
    from sparse_hub_core.testing.maskers.subject import Subject

    return Subject.of(name, registry=registry)


def _is_or_is_near(registry: Registry, table: Table[Any], name: str) -> bool:
    """Return whether a table has a name, or has what is nearest to one that is not there."""
    if any(one.claimants(name) for one in registry.tables()):
        return bool(table.claimants(name))
    checked = (registry.maskers, registry.benchmarks, registry.search_algorithms)
    nearest = difflib.get_close_matches(name, [entry.name for one in checked for entry in one], n=1)
    return bool(nearest) and bool(table.claimants(nearest[0]))


def _refuse_other_kinds(registry: Registry, name: str) -> None:
    for table in registry.tables():
        if table.claimants(name):
            raise UsageError(
                f"{name!r} is a {table.kind}; sparse-hub check covers maskers, benchmarks and search algorithms."
            )
