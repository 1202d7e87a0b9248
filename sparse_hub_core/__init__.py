"""The public API of sparse-hub, for plugin authors and users; names are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_hub_core.attention.gather import every_key_logits, gather_rows, key_logits
    from sparse_hub_core.attention.growing import GrowingTensor
    from sparse_hub_core.attention.layer import OBSERVED_QUERIES, Layer
    from sparse_hub_core.attention.mask import Mask
    from sparse_hub_core.attention.result import AttentionResult
    from sparse_hub_core.attention.sampling import draw_keys, random_ranks
    from sparse_hub_core.attention.sparse_attention import SparseAttention
    from sparse_hub_core.benchmark import Benchmark, CountTokens, Lengths, Question, Request
    from sparse_hub_core.callbacks import (
        RegisterBenchmark,
        RegisterMasker,
        RegisterModel,
        RegisterObjective,
        RegisterPreset,
        RegisterSearchAlgorithm,
    )
    from sparse_hub_core.data.grouping import group_by_context
    from sparse_hub_core.data.source import DataSource, HubDataset, Rows
    from sparse_hub_core.errors import (
        ConfigError,
        DataError,
        ModelError,
        PluginError,
        SparseHubError,
        UsageError,
        did_you_mean,
    )
    from sparse_hub_core.execute_full_benchmark import execute_full_benchmark, get_run_configurations
    from sparse_hub_core.fidelity import Measures
    from sparse_hub_core.finish_hooks import CellPlace
    from sparse_hub_core.hookspecs import hookimpl
    from sparse_hub_core.lookup import get_benchmark, get_masker_config
    from sparse_hub_core.masker import Masker, MaskerConfig, Size, covers_context, resolve_size
    from sparse_hub_core.models.loading import LoadedModel, get_model
    from sparse_hub_core.optimizer_factory import create_optimizer
    from sparse_hub_core.registry import Subset, fixed
    from sparse_hub_core.results.schema import Best, CellSummary, TrialLine, ValidationFile
    from sparse_hub_core.search.algorithm import SearchAlgorithm
    from sparse_hub_core.search.objectives import Objective
    from sparse_hub_core.space import Domain, choice, integer, loguniform, uniform
    from sparse_hub_core.spec import build_spec

__version__ = "0.1.0"

_HOME = {
    "AttentionResult": "attention.result",
    "Benchmark": "benchmark",
    "Best": "results.schema",
    "CellPlace": "finish_hooks",
    "CellSummary": "results.schema",
    "ConfigError": "errors",
    "CountTokens": "benchmark",
    "DataError": "errors",
    "DataSource": "data.source",
    "Domain": "space",
    "GrowingTensor": "attention.growing",
    "HubDataset": "data.source",
    "Layer": "attention.layer",
    "Lengths": "benchmark",
    "LoadedModel": "models.loading",
    "Mask": "attention.mask",
    "Masker": "masker",
    "MaskerConfig": "masker",
    "Measures": "fidelity",
    "ModelError": "errors",
    "OBSERVED_QUERIES": "attention.layer",
    "Objective": "search.objectives",
    "PluginError": "errors",
    "Question": "benchmark",
    "RegisterBenchmark": "callbacks",
    "RegisterMasker": "callbacks",
    "RegisterModel": "callbacks",
    "RegisterObjective": "callbacks",
    "RegisterPreset": "callbacks",
    "RegisterSearchAlgorithm": "callbacks",
    "Request": "benchmark",
    "Rows": "data.source",
    "SearchAlgorithm": "search.algorithm",
    "Size": "masker",
    "SparseAttention": "attention.sparse_attention",
    "SparseHubError": "errors",
    "Subset": "registry",
    "TrialLine": "results.schema",
    "UsageError": "errors",
    "ValidationFile": "results.schema",
    "build_spec": "spec",
    "choice": "space",
    "covers_context": "masker",
    "create_optimizer": "optimizer_factory",
    "did_you_mean": "errors",
    "draw_keys": "attention.sampling",
    "every_key_logits": "attention.gather",
    "execute_full_benchmark": "execute_full_benchmark",
    "fixed": "registry",
    "gather_rows": "attention.gather",
    "get_benchmark": "lookup",
    "get_masker_config": "lookup",
    "get_model": "models.loading",
    "get_run_configurations": "execute_full_benchmark",
    "group_by_context": "data.grouping",
    "hookimpl": "hookspecs",
    "integer": "space",
    "key_logits": "attention.gather",
    "loguniform": "space",
    "random_ranks": "attention.sampling",
    "resolve_size": "masker",
    "uniform": "space",
}

__all__ = [
    "OBSERVED_QUERIES",
    "AttentionResult",
    "Benchmark",
    "Best",
    "CellPlace",
    "CellSummary",
    "ConfigError",
    "CountTokens",
    "DataError",
    "DataSource",
    "Domain",
    "GrowingTensor",
    "HubDataset",
    "Layer",
    "Lengths",
    "LoadedModel",
    "Mask",
    "Masker",
    "MaskerConfig",
    "Measures",
    "ModelError",
    "Objective",
    "PluginError",
    "Question",
    "RegisterBenchmark",
    "RegisterMasker",
    "RegisterModel",
    "RegisterObjective",
    "RegisterPreset",
    "RegisterSearchAlgorithm",
    "Request",
    "Rows",
    "SearchAlgorithm",
    "Size",
    "SparseAttention",
    "SparseHubError",
    "Subset",
    "TrialLine",
    "UsageError",
    "ValidationFile",
    "build_spec",
    "choice",
    "covers_context",
    "create_optimizer",
    "did_you_mean",
    "draw_keys",
    "every_key_logits",
    "execute_full_benchmark",
    "fixed",
    "gather_rows",
    "get_benchmark",
    "get_masker_config",
    "get_model",
    "get_run_configurations",
    "group_by_context",
    "hookimpl",
    "integer",
    "key_logits",
    "loguniform",
    "random_ranks",
    "resolve_size",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"sparse_hub_core.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps its public names: the import of a submodule of the same name would put the module in their place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
