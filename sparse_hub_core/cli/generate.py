"""``sparse-hub generate``: a found configuration answers a prompt."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from sparse_hub_core.errors import UsageError
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.spec import Spec

if TYPE_CHECKING:
    from sparse_hub_core.answering import Answer
    from sparse_hub_core.models.source import ModelSource


def _choice(field: str) -> click.Choice[str]:
    return click.Choice(get_args(Spec.model_fields[field].annotation))


@click.command()
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    help="A best.json, a card.json, or the folder of a cell.",
)
@click.option("--prompt", help="The prompt.")
@click.option("--prompt-file", help="A file with the prompt; - reads the standard input.")
@click.option("--model", help="A registered name, local folder or hub id[@revision].  [default: the file's]")
@click.option(
    "--max-new-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Tokens to generate at most."
)
@click.option("--dense", is_flag=True, help="Answer with dense attention, to compare.")
@click.option("--device", type=_choice("device"), default="auto", show_default=True, help="Where the model runs.")
@click.option("--dtype", type=_choice("dtype"), default="auto", show_default=True, help="Its precision.")
@click.option("--chat/--no-chat", default=None, help="As a turn of a chat.  [default: where there is a chat template]")
@click.option("--json", "as_json", is_flag=True, help="Print the text and the figures as JSON.")
def generate(
    config: Path,
    prompt: str | None,
    prompt_file: str | None,
    model: str | None,
    max_new_tokens: int,
    dense: bool,
    device: str,
    dtype: str,
    chat: bool | None,
    as_json: bool,
) -> None:
    """Answer a prompt with a found configuration: the prompt is read densely, the answer is sparse.

    The most likely token is taken at each step. The text goes to the standard output as it comes, the figures to the
    standard error.
    """
    from sparse_hub_core.models.source import resolve_model
    from sparse_hub_core.results.best import configs_from_records, load_winner
    from sparse_hub_core.results.card import read_card

    text = _prompt(prompt, prompt_file)
    registry = load_registry()
    winner, card = load_winner(config), None if config.is_dir() else read_card(config)
    configs = configs_from_records(registry, winner.maskers)
    own = winner.model_source if card is None or model else card.measured_model(registry)
    source = resolve_model(registry, model or own)
    if card is not None:
        click.echo(f"The model comes from {source.place}.", err=True)

    from sparse_hub_core.answering import answer, prompt_ids
    from sparse_hub_core.models.loading import load_model

    loaded = load_model(source, device, dtype)
    ids = prompt_ids(loaded.tokenizer, text, chat)
    _warn_of_length(source, len(ids) + max_new_tokens)
    write = (lambda text: None) if as_json else _write
    said = answer(loaded, ids, None if dense else configs, max_new_tokens, write)
    if as_json:
        # A terminal is not given what could control it, which JSON leaves as it is beyond ASCII.
        click.echo(json.dumps(asdict(said), indent=2, ensure_ascii=sys.stdout.isatty()))
    else:
        click.echo()
        click.echo(figures(said), err=True)


def _prompt(prompt: str | None, prompt_file: str | None) -> str:
    """Return the prompt from wherever it is.

    Raises:
        UsageError: There is none, or more than one, or it is no text.
    """
    if (prompt is None) == (prompt_file is None):
        raise UsageError("Give the prompt with either --prompt TEXT or --prompt-file FILE (- is the standard input).")
    if prompt_file is None:
        text = prompt or ""
    else:
        try:
            raw = sys.stdin.buffer.read() if prompt_file == "-" else Path(prompt_file).read_bytes()
            text = raw.decode("utf-8")
        except OSError as error:
            raise UsageError(f"The prompt file {prompt_file} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"The prompt file {prompt_file} is no text in UTF-8: {error.reason}.") from error
    if not text.strip():
        raise UsageError("The prompt is empty; write something to answer.")
    return text


def _warn_of_length(source: ModelSource, length: int) -> None:
    from sparse_hub_core.models.loading import known_length

    known = known_length(source)
    if known is not None and length > known:
        warnings.warn(
            f"The prompt and its answer may take {length} tokens, but {source.name!r} knows only {known}; what it says "
            "beyond them means little.",
            stacklevel=2,
        )


def _write(text: str) -> None:
    """Write text as it comes; a terminal is not given what could control it."""
    if sys.stdout.isatty():
        text = "".join(character if character.isprintable() or character in "\n\t" else "�" for character in text)
    click.echo(text, nl=False)
    sys.stdout.flush()


def figures(said: Answer) -> str:
    """Return what the answer cost, in one line."""
    rate = "" if said.tokens_per_second is None else f", {said.tokens_per_second:.1f} tokens/s after the first"
    read = "dense" if said.density is None else f"density {said.density:.2%}, I/O density {said.io_density:.2%}"
    return f"{said.prompt_tokens} prompt tokens, {said.new_tokens} new in {said.seconds:.1f} s{rate}; {read}."
