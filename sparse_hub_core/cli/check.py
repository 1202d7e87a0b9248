"""The ``check`` command: the conformance kit on one masker."""

from __future__ import annotations

import json

import click

from sparse_hub_core.errors import UsageError
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.registry import Registry
from sparse_hub_core.report.text import write_table


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def check(name: str, as_json: bool) -> int:
    """Check the masker NAME: that it is causal, keeps to its budget, resumes, and what else every masker must hold.

    Ends with 1 where a check failed; what the masker names in known_failures must fail.
    """
    registry = load_registry()
    _refuse_other_kinds(registry, name)
    # Told before torch is imported.
    registry.get(registry.maskers, name)
    # Imported here because it brings torch.
    from sparse_hub_core.testing import Subject, run_checks

    outcomes = list(run_checks(Subject.of(name, registry=registry)))
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


def _refuse_other_kinds(registry: Registry, name: str) -> None:
    if registry.maskers.claimants(name):
        return
    plain = name.partition("/")[0]
    for table in registry.tables():
        if table.claimants(plain):
            raise UsageError(f"{name!r} is a {table.kind}; sparse-hub check covers maskers so far.")
