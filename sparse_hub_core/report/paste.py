"""A found configuration as Python that can be pasted and run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.errors import UsageError

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry
    from sparse_hub_core.results.schema import Best, MaskerRecord


def as_python(best: Best, path: Path | None, registry: Registry) -> str:
    """Return lines that build the configuration, and the line that loads it from its file instead, if it has one."""
    imports: dict[str, str] = {}
    core = {"SparseAttention"}
    maskers = [_masker(record, registry, imports, core) for record in best.maskers]
    lines = [f"from sparse_hub_core import {', '.join(sorted(core))}"]
    lines += sorted(f"from {module} import {name}" for name, module in imports.items())
    lines += ["", f"attention = SparseAttention([{', '.join(maskers)}])"]
    if path is not None:
        lines += [f"# or: attention = SparseAttention.load({str(path)!r})"]
    return "\n".join(lines)


def _masker(record: MaskerRecord, registry: Registry, imports: dict[str, str], core: set[str]) -> str:
    expression = _class(record.masker, registry, imports)
    if expression is None:
        core.add("get_masker_config")
        expression = f"get_masker_config({record.masker!r})"
    plain = all(
        name.isidentifier() and not isinstance(value, (list, dict)) for name, value in record.parameters.items()
    )
    if not plain:
        # JSON has neither tuples nor nested configs; from_parameters makes them of what it has. A name that is none
        # comes from a file that was tampered with, and must not become code.
        return f"{expression}.from_parameters({record.parameters!r})"
    return f"{expression}({', '.join(f'{name}={value!r}' for name, value in record.parameters.items())})"


def _class(name: str, registry: Registry, imports: dict[str, str]) -> str | None:
    """Return the name to import a masker's config class by, or None where only its own name will do."""
    try:
        ref = registry.get(registry.maskers, name).ref
    except UsageError:
        return None
    module, _, attribute = str(ref).partition(":") if isinstance(ref, str) else (ref.__module__, "", ref.__qualname__)
    if not attribute.isidentifier() or imports.get(attribute, module) != module:
        return None
    imports[attribute] = module
    return attribute
