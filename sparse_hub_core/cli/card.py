"""``sparse-hub card``: what a run found, as cards to publish."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sparse_hub_core.errors import UsageError
from sparse_hub_core.plugins import load_registry


@click.command()
@click.argument("run", required=False)
@click.option("--output", type=click.Path(path_type=Path), help="Where to write them; by default beside each winner.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of card.json instead.")
def card(run: str | None, output: Path | None, schema: bool) -> None:
    """Write card.json and card.md for each validated winner of a RUN, of a cell's folder, or of a best.json.

    A card holds what was measured on what, the results, and digests of all answers, but no path or name of this
    machine. Others reproduce it with sparse-hub validate card.json. Several winners get a folder each in --output.
    """
    from sparse_hub_core.cli.find_run import run_directory
    from sparse_hub_core.report.card import card_markdown
    from sparse_hub_core.report.making_cards import make_card, validated_winners
    from sparse_hub_core.results.card import Card
    from sparse_hub_core.results.files import write_json, write_text

    if schema:
        click.echo(json.dumps(Card.model_json_schema(), indent=2))
        return
    if run is None:
        raise UsageError("Name a run, a cell's folder or a best.json, such as sparse-hub card runs/run-0123456789.")
    registry, path = load_registry(), Path(run)
    winners = validated_winners(path if path.exists() else run_directory(run))
    for winner in winners:
        made = make_card(winner, registry)
        folder = winner.folder.path if output is None else output / winner.name if len(winners) > 1 else output
        write_json(folder / "card.json", made)
        write_text(folder / "card.md", card_markdown(made, registry))
        click.echo(f"Wrote {folder / 'card.json'} and card.md")
