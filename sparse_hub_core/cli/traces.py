"""``sparse-hub traces``: what is kept of dense runs on this machine, and its deletion."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from sparse_hub_core.errors import SparseHubError, UsageError
from sparse_hub_core.models.stored_files import StoredFile, stored_files
from sparse_hub_core.report.numbers import moment
from sparse_hub_core.report.text import write_table
from sparse_hub_core.traces.place import ANSWERS, trace_dir
from sparse_hub_core.wording import count

SECONDS_PER_DAY = 24 * 60 * 60
UNKNOWN = "-"
READERS = "Runs that are reading deleted files keep them until they end; what they then miss is recorded again."


@dataclass(frozen=True)
class Kept:
    """The files of one kind of one task and model."""

    model: str
    task: str
    kind: str
    """``prefix``, ``trace``, ``answers``, or why the files cannot be used."""
    files: int
    tokens: int
    """Of the prefixes; in traces, of the questions and answers."""
    num_bytes: int
    last_used: float


@click.command("traces")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--trace-dir", metavar="DIR", help="The folder; SPARSE_HUB_TRACE_DIR or the user's cache by default.")
@click.option("--delete", is_flag=True, help="Delete the files instead, without asking.")
@click.option("--model", metavar="M", help="Only the files of this model.")
@click.option("--task", metavar="T", help="Only the files of this task, as benchmark/subset.")
@click.option(
    "--older-than",
    metavar="DAYS",
    type=click.FloatRange(min=0),
    help="Only what was unused for so long; listed, or deleted where --delete is given too.",
)
def traces(
    as_json: bool, trace_dir: str | None, delete: bool, model: str | None, task: str | None, older_than: float | None
) -> None:
    """List the prefixes and traces that this machine keeps of dense runs, or delete them.

    Listed with them are the answers that configurations gave to requests, which no search on this machine asks for
    twice; they name neither model nor task. Deleting costs no results: what a later run misses is recorded again.
    """
    directory = _directory(trace_dir)
    unused_since = None if older_than is None else time.time() - older_than * SECONDS_PER_DAY
    there = [*stored_files(directory), *_answer_books(directory)]
    files = [file for file in there if _is_asked_for(file, model, task, unused_since)]
    missing = _missing(there, {"model": model, "task": task})
    if missing is not None and not as_json:
        click.echo(missing)
    if delete:
        _delete(files, directory, as_json)
        return
    _list(files, directory, as_json)
    if files and len(files) < len(there) and not as_json:
        click.echo(f"These are {len(files)} of {len(there)}; nothing was deleted. With --delete too, these would be.")


def _directory(chosen: str | None) -> Path:
    """Return the folder of the traces.

    Raises:
        UsageError: The folder that was named is not there.
    """
    directory = trace_dir(chosen)
    if chosen is not None and not directory.is_dir():
        raise UsageError(f"--trace-dir {chosen!r} is no folder; name the one that the runs were given.")
    return directory


def _answer_books(directory: Path) -> list[StoredFile]:
    """Return the files of what requests gave to configurations."""
    found = ((path, path.stat()) for path in sorted((directory / ANSWERS).glob("*.jsonl")))
    return [StoredFile(path, of.st_size, of.st_mtime, "usable", {"kind": ANSWERS}) for path, of in found]


def _missing(files: Sequence[StoredFile], wanted: Mapping[str, str | None]) -> str | None:
    """Return that nothing is kept of the model or task that was named, and of which there is something."""
    for kind, name in wanted.items():
        known = sorted({str(file.header[kind]) for file in files if kind in file.header})
        if name is not None and name not in known:
            others = f"there are files of {', '.join(known)}" if known else f"there are no files of any {kind}"
            return f"Nothing is kept of the {kind} {name!r}; {others}."
    return None


def _is_asked_for(file: StoredFile, model: str | None, task: str | None, unused_since: float | None) -> bool:
    return (
        (model is None or file.header.get("model") == model)
        and (task is None or file.header.get("task") == task)
        and (unused_since is None or file.last_used < unused_since)
    )


def _list(files: Sequence[StoredFile], directory: Path, as_json: bool) -> None:
    total, kept = sum(file.num_bytes for file in files), group(files)
    if as_json:
        content = {"directory": str(directory), "num_bytes": total, "kept": [asdict(one) for one in kept]}
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    if kept:
        columns = ("model", "task", "kind", "files", "tokens", "size", "last used")
        write_table(columns, [_row(one) for one in kept])
    click.echo(f"{count(len(files), 'file')}, {readable_size(total)}, in {directory}")


def group(files: Iterable[StoredFile]) -> list[Kept]:
    """Return what files are kept of each model, task and kind, in their order."""
    groups: dict[tuple[str, str, str], list[StoredFile]] = {}
    for file in files:
        about = [str(file.header.get(name, UNKNOWN)) for name in ("model", "task", "kind")]
        kind = about[2] if file.state == "usable" else file.state
        groups.setdefault((about[0], about[1], kind), []).append(file)
    return [
        Kept(
            *names,
            len(found),
            sum(map(_num_tokens, found)),
            sum(file.num_bytes for file in found),
            max(file.last_used for file in found),
        )
        for names, found in sorted(groups.items())
    ]


def _num_tokens(file: StoredFile) -> int:
    header = file.header
    if header.get("kind") == "trace":
        return int(header["num_question_positions"]) + len(header["tokens"])
    return int(header.get("length", 0))


def _row(kept: Kept) -> list[str]:
    used = moment(kept.last_used)
    tokens = str(kept.tokens) if kept.tokens else UNKNOWN
    return [kept.model, kept.task, kept.kind, str(kept.files), tokens, readable_size(kept.num_bytes), used]


def _delete(files: Sequence[StoredFile], directory: Path, as_json: bool) -> None:
    for file in files:
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise SparseHubError(
                f"{file.path} cannot be deleted: {error.strerror}; ask who may write to {file.path.parent}."
            ) from error
    freed = sum(file.num_bytes for file in files)
    if as_json:
        click.echo(json.dumps({"directory": str(directory), "deleted": len(files), "num_bytes": freed}, indent=2))
        return
    click.echo(f"Deleted {count(len(files), 'file')} from {directory} and freed {readable_size(freed)}.")
    if files:
        click.echo(READERS)


def readable_size(num_bytes: int) -> str:
    """Return a size as people read it."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"
