"""What a run is asked to do: defaults, then sparse-hub.toml, then flags; a wrong one is named by its key path."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sparse_hub_core.errors import ConfigError, UsageError, did_you_mean
from sparse_hub_core.wrong_values import what_is_wrong

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]


TYPES = ("bool", "int", "float", "str", "constrained-int", "constrained-float")
"""How pydantic calls the types that a value may be of."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SearchSettings(_Strict):
    """The lightweight settings under which configurations are tried."""

    timeout: Seconds = Field(900.0, description="seconds for one trial")
    max_new_tokens: Positive = Field(20, description="tokens to generate per question")
    max_context_length: Positive = Field(8192, description="tokens of a request")
    max_requests: Positive = Field(10, description="requests (contexts) per trial")


class ValidationSettings(_Strict):
    """The thorough settings under which the best configuration is judged."""

    timeout: Seconds = Field(1800.0, description="seconds for one validation")
    max_new_tokens: Positive = Field(50, description="tokens to generate per question")
    max_context_length: Positive = Field(16384, description="tokens of a request")
    max_requests: Positive = Field(20, description="requests (contexts) to validate on")


class DataSettings(_Strict):
    """Where the rows of benchmarks that are not generated come from; by default the hub."""

    root: str | None = Field(None, description="a folder with a folder per benchmark, in the hub's schema")
    folder: dict[str, str] = Field({}, description="a benchmark's own folder, in the hub's schema")
    sample: bool = Field(
        False, description="run each benchmark's small offline sample, as BENCHMARK/SUBSET@sample does for one"
    )


class Spec(_Strict):
    """Everything that a run can be told."""

    models: tuple[str, ...] = Field((), description="registered names, local folders or hub ids[@revision]")
    benchmarks: tuple[str, ...] = Field((), description="tasks as benchmark/subset, or benchmark/subset@sample")
    presets: tuple[str, ...] = Field((), description="stacks of maskers to search")
    num_samples: Positive = Field(50, description="distinct configurations per cell that enter the search")
    search: SearchSettings = SearchSettings()
    validation: ValidationSettings = ValidationSettings()
    data: DataSettings = DataSettings()
    extra_metrics: tuple[str, ...] = Field((), description="further scores that need a package or a model")
    search_algorithm: str = Field("nevergrad", description="how configurations are proposed")
    search_options: dict[str, bool | int | float | str] = Field(
        {}, description="options of the search algorithm; describe shows them"
    )
    scheduler: Literal["asha", "hyperband", "median", "none"] = Field(
        "asha", description="what stops trials before they have seen all requests"
    )
    fidelity: Literal["ladder", "F0", "F1", "F2", "F3"] = Field(
        "ladder",
        description="what a trial runs: replay of some layers (F0) or all (F1), teacher-forced (F2), generation (F3); "
        "on the ladder few configurations go up from one to the next",
    )
    objective: str = Field("default", description="what the search minimises")
    max_density: Share | None = Field(None, description="the winner reads at most this share of the keys")
    max_io_density: Annotated[float, Field(gt=0)] | None = Field(
        None, description="the winner reads at most this share of a dense step's bytes"
    )
    densities: tuple[Share, ...] = Field((0.05, 0.1, 0.2), description="of the winners of the objective pareto")
    warm_start: tuple[str, ...] = Field((), description="a best.json or a run's folder, whose winners are tried first")
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = Field(0, description="of requests and of the search")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto takes CUDA where there is one; CUDA_VISIBLE_DEVICES chooses among GPUs"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="precision of the model")
    max_concurrent: Positive | None = Field(None, description="trials at a time; by default all cores or GPUs")
    threads_per_trial: Positive | None = Field(
        None, description="CPU threads of each trial where there is no GPU; by default the cores are divided"
    )
    ray_address: str | None = Field(None, description="an existing Ray cluster; by default one is started here")
    trace_dir: str | None = Field(
        None, description="where prefixes and traces are kept; by default SPARSE_HUB_TRACE_DIR or the user's cache"
    )
    trace_max_gb: Annotated[float, Field(gt=0)] = Field(128.0, description="what they may take on each machine")
    output_dir: str = Field("runs", description="where runs are kept")


DEBUG: dict[str, Any] = {
    "models": ("demo",),
    "benchmarks": ("ruler/niah_multikey_2",),
    "num_samples": 10,
    "search": {"max_new_tokens": 6, "max_context_length": 768, "max_requests": 6, "timeout": 120.0},
    "validation": {"max_new_tokens": 8, "max_context_length": 1024, "max_requests": 32, "timeout": 300.0},
}
"""A small, fast, real run on the demo model at lengths its card covers."""


def build_spec(flags: Mapping[str, Any], config_file: Path | None = None, debug: bool = False) -> Spec:
    """Merge defaults, the debug preset, a TOML file and flags (nested like the file), the later the stronger.

    Raises:
        ConfigError: A value of the file or of a flag is wrong; the sentence names the key path.
        UsageError: The file is missing or no TOML.
    """
    spec = _merge({}, DEBUG if debug else {})
    if config_file is not None:
        from_file = read_toml(config_file)
        _validate(from_file, lambda path: f"{config_file}: {path}")
        spec = _merge(spec, from_file)
    spec = _merge(spec, _lists_to_tuples(flags))
    return _validate(spec, flag_name)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        UsageError: It is missing or has a syntax error.
    """
    try:
        with path.open("rb") as file:
            return _lists_to_tuples(tomllib.load(file))
    except OSError as error:
        raise UsageError(f"The config file {path} cannot be read: {error.strerror}; check --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The config file {path} is not valid TOML: {error}.") from error


def _lists_to_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            converted[key] = _lists_to_tuples(value)
        else:
            converted[key] = tuple(value) if isinstance(value, list) else value
    return converted


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def flag_name(path: str) -> str:
    """Return the flag behind a key path: ``search.timeout`` is ``--search-timeout``."""
    singular = {
        **{"models": "model", "benchmarks": "benchmark", "presets": "preset", "extra_metrics": "extra_metric"},
        **{"search_options": "search_option", "densities": "density"},
    }
    first, _, rest = path.partition(".")
    name = singular.get(first, first) if not rest or rest.isdigit() else f"{first}-{rest}"
    return "--" + name.replace("_", "-").replace(".", "-")


def _validate(values: Mapping[str, Any], name_of: Any) -> Spec:
    try:
        return Spec.model_validate(dict(values))
    except ValidationError as error:
        detail, location = error.errors()[0], error.errors()[0]["loc"]
        details = [detail]
        if location[-1] in TYPES:
            # A value of one of several types: each says what it lacks for it.
            location = location[:-1]
            details = [other for other in error.errors() if other["loc"][:-1] == location]
        path = ".".join(map(str, location))
        if detail["type"] == "extra_forbidden":
            fields = _fields_at(detail["loc"][:-1])
            nearest = did_you_mean(str(detail["loc"][-1]), fields)
            raise ConfigError(f"{name_of(path)} is no setting: {nearest}") from None
        raise ConfigError(f"{name_of(path)} = {detail['input']!r} is wrong: {what_is_wrong(details)}.") from None


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Spec
    for part in location:
        model = model.model_fields[str(part)].annotation
    return list(model.model_fields)
