"""The page of the configuration file: every setting, as ``Spec`` has it, and a whole example."""

from __future__ import annotations

from collections.abc import Iterable

from docs_generator.markdown import code, page, prose, table
from docs_generator.settings import Setting, settings
from sparse_hub_core.spec import DataSettings, SearchSettings, ValidationSettings

INTRODUCTION = """
`sparse-hub run --config sparse-hub.toml` reads its settings from a TOML file, and `sparse-hub search` does too.
Defaults come first, then the file, then flags: the later is the stronger. A wrong name or value ends the command before
anything starts, with a sentence that names its key path. Relative folders count from where the command runs.
""".strip()

EXAMPLE = """
models = ["demo"]
benchmarks = ["ruler/niah_multikey_2", "longbench/hotpotqa@sample"]
presets = ["local_sink", "sink_local_magic_pig"]
num_samples = 20
search_algorithm = "nevergrad"
objective = "constrained"
max_density = 0.2
seed = 1
output_dir = "runs"

[search_options]
optimizer = "TwoPointsDE"

[search]
max_context_length = 768
max_new_tokens = 6
max_requests = 6

[validation]
max_context_length = 1024
max_new_tokens = 8
max_requests = 32

[data.folder]
longbench = "data/LongBench"
""".strip()

SECTIONS = {"search": SearchSettings, "validation": ValidationSettings, "data": DataSettings}


def configuration_page() -> str:
    """Return the page."""
    all_settings = settings()
    parts = [INTRODUCTION, "## A whole example", f"```toml\n{EXAMPLE}\n```", "What it would run:"]
    parts += ["```sh\nsparse-hub run --config sparse-hub.toml --dry-run\n```"]
    parts += ["## At the top", _table(one for one in all_settings if not one.section)]
    for name, model in SECTIONS.items():
        parts += [f"## `[{name}]`", prose(model.__doc__ or "")]
        parts.append(_table(one for one in all_settings if one.section == name))
    return page("The configuration file", *parts)


def _table(shown: Iterable[Setting]) -> str:
    columns = ("key", "type and range", "default", "what it does", "flag")
    return table(columns, [_row(setting) for setting in shown])


def _row(one: Setting) -> tuple[str, ...]:
    return (
        code(one.path),
        prose(one.type).replace(r"\`", "`"),
        code(one.default),
        prose(one.description),
        code(one.flag),
    )
