"""The actor that holds a model and evaluates one request at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sparse_hub_core.masker import MaskerConfig

if TYPE_CHECKING:
    from sparse_hub_core.benchmark import Benchmark
    from sparse_hub_core.evaluation import PreparedRequest, RequestReport
    from sparse_hub_core.models.source import ModelSource
    from sparse_hub_core.optimizer_factory import Optimizer


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker loads, and how it runs."""

    source: ModelSource
    device: str
    dtype: str
    threads: int
    snapshots: Path
    model_key: str


@dataclass(frozen=True)
class Stage:
    """What all evaluations of one stage of one task share."""

    benchmark: Benchmark
    requests: tuple[PreparedRequest, ...]
    max_new_tokens: int


@dataclass(frozen=True)
class Outcome:
    """A report, or why there is none."""

    report: RequestReport | None
    status: Literal["ok", "oom", "error", "timeout"] = "ok"
    reason: str | None = None


class ModelWorker:
    """Loads the model when it starts; its methods answer with an outcome instead of raising."""

    def __init__(self, settings: WorkerSettings) -> None:
        import torch

        from sparse_hub_core.models.loading import load_model
        from sparse_hub_core.models.snapshot import SnapshotStore

        torch.set_num_threads(settings.threads)
        self._settings = settings
        self._snapshots = SnapshotStore(settings.snapshots)
        self._loaded = load_model(settings.source, settings.device, settings.dtype)

    def ready(self) -> bool:
        """Answer once the model is loaded."""
        return True

    def prefill(self, stage: Stage, index: int) -> None:
        """Make the prefix snapshots of a request, unless another process has."""
        from sparse_hub_core.evaluation import prefix_snapshot

        for prompt in stage.requests[index].prompts:
            prefix_snapshot(self._loaded, prompt, self._snapshots, self._settings.model_key)

    def evaluate(self, stage: Stage, configs: Sequence[MaskerConfig] | None, index: int) -> Outcome:
        """Evaluate one request; a failure is an outcome too."""
        import torch

        from sparse_hub_core.evaluation import evaluate_request

        try:
            report = evaluate_request(
                self._loaded,
                stage.benchmark,
                stage.requests[index],
                configs,
                stage.max_new_tokens,
                self._snapshots,
                self._settings.model_key,
            )
        except (torch.OutOfMemoryError, MemoryError) as error:
            return Outcome(None, "oom", _one_line(error))
        except Exception as error:
            # A masker may raise anything; the trial's line says what.
            return Outcome(None, "error", _one_line(error))
        return Outcome(report)

    def evaluate_trial(
        self, stage: Stage, optimizer: Optimizer, parameters: Mapping[str, Any], index: int
    ) -> dict[str, Any]:
        """Evaluate one request of a trial and return plain numbers, so that the trial's process needs no torch."""
        outcome = self.evaluate(stage, optimizer.create_config_from_params(parameters), index)
        report = outcome.report
        if report is None:
            return {"status": outcome.status, "reason": outcome.reason}
        scores = [question.score for question in report.questions if question.score is not None]
        return {
            "status": "ok",
            "error": report.error,
            "density": report.density,
            "io_density": report.io_density,
            "score": sum(scores) / len(scores) if scores else None,
        }

    def latency(self, stage: Stage, configs: Sequence[MaskerConfig] | None, index: int) -> float:
        """Return milliseconds per decode step, measured without measuring anything else."""
        from sparse_hub_core.evaluation import latency

        return latency(
            self._loaded,
            stage.requests[index],
            configs,
            stage.max_new_tokens,
            self._snapshots,
            self._settings.model_key,
        )


def _one_line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" (in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})" if trace else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}{where}"
