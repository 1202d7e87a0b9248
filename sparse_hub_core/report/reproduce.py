"""The command that makes a run again, from its settings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from sparse_hub_core.determinism import repeat_sentence
from sparse_hub_core.presets import DENSE
from sparse_hub_core.report.files import is_validation
from sparse_hub_core.spec import Spec, flag_name

if TYPE_CHECKING:
    from sparse_hub_core.report.files import RunFiles

WIDTH, INDENT = 96, "    "
SAME_TO_THE_BIT = (
    "On a CPU one configuration's evaluation and its validation are the same to the bit with the same seed, versions "
    "and machine."
)


def determinism(run: RunFiles) -> str:
    """Return what comes out again, and what of this run may not."""
    may_differ = run.run.not_deterministic if run.run else ()
    return f"{SAME_TO_THE_BIT} {repeat_sentence(may_differ)}" if may_differ else SAME_TO_THE_BIT


def command(run: RunFiles) -> str | None:
    """Return the command for a shell, with the settings that are not the defaults; None where they are not known."""
    if run.spec is None:
        return None
    if is_validation(run.run_id):
        return _lines("sparse-hub validate BEST.json", options(run.spec, _is_for_validation))
    is_search = bool(run.cells) and not any(cell.preset == DENSE for cell in run.cells)
    return _lines("sparse-hub search" if is_search else "sparse-hub run", options(run.spec))


def options(spec: Spec, keep: Callable[[str], bool] = lambda path: True) -> list[tuple[str, ...]]:
    """Return the flags, each with its value, that make a spec out of the defaults."""
    return [option for path, value in _changes(spec, Spec()) if keep(path) for option in _options(path, value)]


def _is_for_validation(path: str) -> bool:
    return path.startswith(("validation.", "data.")) or path in ("seed", "device", "dtype", "output_dir")


def _lines(program: str, given: list[tuple[str, ...]]) -> str:
    """Return one line, or several that a shell reads as one."""
    lines = [program]
    for option in map(shlex.join, given):
        if len(lines[-1]) + 1 + len(option) > WIDTH:
            lines.append(f"{INDENT}{option}")
        else:
            lines[-1] += f" {option}"
    return " \\\n".join(lines)


def others(run: RunFiles) -> list[str]:
    """Return the presets and tasks of the folder that its last command does not name."""
    if run.spec is None or not (run.spec.presets or run.spec.benchmarks):
        return []
    presets, tasks = {*run.spec.presets, DENSE}, set(run.spec.benchmarks)
    found = [cell.preset for cell in run.cells if run.spec.presets and cell.preset not in presets]
    found += [cell.task for cell in run.cells if tasks and cell.task.partition("@")[0] not in _bare(tasks)]
    return list(dict.fromkeys(found))


def _bare(tasks: set[str]) -> set[str]:
    return {task.partition("@")[0] for task in tasks}


def _changes(now: BaseModel, default: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the key paths whose value is another, and the values."""
    for name in type(now).model_fields:
        value, usual = getattr(now, name), getattr(default, name)
        if isinstance(value, BaseModel):
            yield from _changes(value, usual, f"{prefix}{name}.")
        elif value != usual:
            yield prefix + name, value


def _options(path: str, value: Any) -> Iterator[tuple[str, ...]]:
    name = flag_name(path)
    if value is True:
        yield (name,)
    elif isinstance(value, dict):
        yield from (_option(name, f"{key}={_text(item)}") for key, item in value.items())
    else:
        yield from (_option(name, _plain(item)) for item in (value if isinstance(value, tuple) else (value,)))


def _option(name: str, text: str) -> tuple[str, ...]:
    # What starts with a dash would be read as another flag.
    return (f"{name}={text}",) if text.startswith("-") else (name, text)


def _plain(item: Any) -> str:
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)


def _text(item: Any) -> str:
    """Return an option's value so that it is read back as the same type: the text 1 as "1", the number as 1."""
    if not isinstance(item, str):
        return json.dumps(item)
    try:
        is_json = isinstance(json.loads(item), (bool, int, float, str))
    except ValueError:
        is_json = False
    return json.dumps(item) if is_json else item
