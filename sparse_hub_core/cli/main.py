"""The ``sparse-hub`` program: commands are imported when they are asked for, failures become one sentence."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from sparse_hub_core import __version__
from sparse_hub_core.errors import SparseHubError, did_you_mean
from sparse_hub_core.wording import one_line

INTERRUPTED = 130
OUTPUT_LOST = (errno.ENOSPC, errno.EDQUOT, errno.EPIPE)

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run:run", "Search the best configuration of every cell, then validate it."),
    "search": ("run:search", "Only the first stage: search."),
    "validate": ("run:validate", "Only the second stage: judge a best.json, or reproduce a card.json."),
    "generate": ("generate:generate", "Answer a prompt with a found configuration."),
    "card": ("card:card", "Write result cards of a run's winners, to publish."),
    "list-presets": ("listing:list_presets", "Stacks of maskers that can be searched."),
    "list-maskers": ("listing:list_maskers", "Sparse attention methods."),
    "list-benchmarks": ("listing:list_benchmarks", "Tasks, as benchmark/subset."),
    "list-models": ("listing:list_models", "Models that have a name; folders and hub ids work too."),
    "list-search-algorithms": ("listing:list_search_algorithms", "Ways to propose configurations."),
    "list-objectives": ("listing:list_objectives", "What a search can minimise."),
    "describe": ("describe:describe", "One masker, preset, benchmark, task, model, algorithm or objective."),
    "check": ("check:check", "Hold a masker, benchmark or search algorithm to what all of them must keep."),
    "new": ("new:new", "Write a package for a masker or benchmark of your own."),
    "plugins": ("plugins:plugins", "What was found, from which distribution, and what failed."),
    "runs": ("runs:runs", "What runs there are, and how far each one is."),
    "show": ("show:show", "How a run stands or ended."),
    "compare": ("compare:compare", "Presets of one or several runs beside each other, on the questions they share."),
    "report": ("show:report", "Write the HTML report of a run again."),
    "traces": ("traces:traces", "What is kept of dense runs on this machine; --delete deletes it."),
}
"""Each command's place below ``sparse_hub_core.cli``, and its line in ``--help``."""


@dataclass
class Options:
    """What applies to every command."""

    verbose: bool = False


def _set_verbose(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Options).verbose = True


def _verbose_option() -> click.Option:
    return click.Option(
        ["--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_set_verbose,
        help="Show tracebacks of failures.",
    )


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they are documented."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"sparse_hub_core.cli.{module}"), attribute)
        if not any(parameter.opts == ["--verbose"] for parameter in command.params):
            command.params.append(_verbose_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is asked for, or fail with the nearest ones."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"There is no command {args[0]!r}: {did_you_mean(args[0], COMMANDS, 'sparse-hub --help')}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their short helps, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(cls=LazyGroup, params=[_verbose_option()], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sparse-hub")
def cli() -> None:
    """Find the best hyperparameters for sparse attention, and say honestly how good they are.

    A first run, on the demo model: sparse-hub run --debug
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code: 0 fine, 1 some cell failed, 2 usage, 130 interrupted."""
    options = Options()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = cli.main(args=argv, prog_name="sparse-hub", standalone_mode=False, obj=options)
            if sys.stdout is not None:
                # What cannot be written is told here and not by Python's end.
                sys.stdout.flush()
        except click.ClickException as error:
            _fail(_click_sentence(error))
            return error.exit_code
        except click.Abort:
            _fail("Interrupted.")
            return INTERRUPTED
        except SparseHubError as error:
            _trace(options)
            _fail(str(error))
            return error.exit_code
        except Exception as error:
            _trace(options)
            if isinstance(error, OSError) and _is_of_output(error):
                return _output_lost(error)
            hint = "" if options.verbose else " Run again with --verbose to see where."
            _fail(f"{type(error).__name__}: {str(error).rstrip('.')}.{hint}")
            return 1
    return code if isinstance(code, int) else 0


def _click_sentence(error: click.ClickException) -> str:
    sentence = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{sentence} See '{context.command_path} --help'." if context else sentence


def _is_of_output(error: OSError) -> bool:
    """Return whether what could not be written is what a command prints: any other file is named by its error."""
    return error.filename is None and error.errno in OUTPUT_LOST and not sys.stdout.isatty()


def _output_lost(error: OSError) -> int:
    """Say that what was printed found no place, and let go of it, so that Python's end does not fail on it."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        # A reader that has enough, such as head, is not told so.
        _fail(f"The standard output cannot be written: {error.strerror}.")
    return 1


def _trace(options: Options) -> None:
    if options.verbose:
        traceback.print_exc()


def _fail(sentence: str) -> None:
    sys.stderr.write(f"Error: {one_line(sentence)}\n")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = " ".join(str(message).split())
    sys.stderr.write(f"Warning: {one_line(text)}\n")


if __name__ == "__main__":
    raise SystemExit(main())
