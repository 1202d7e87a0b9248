"""The actor that holds a model and evaluates one request at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sparse_hub_core.masker import MaskerConfig

if TYPE_CHECKING:
    from sparse_hub_core.benchmark import Benchmark
    from sparse_hub_core.evaluation import PreparedRequest, RequestReport
    from sparse_hub_core.fidelity import Measures
    from sparse_hub_core.models.snapshot import ModelFiles
    from sparse_hub_core.models.source import ModelSource
    from sparse_hub_core.optimizer_factory import Optimizer
    from sparse_hub_core.search.ladder import Rung
    from sparse_hub_core.traces.measure import Traced
    from sparse_hub_core.traces.plan import TracePlan


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker loads, and how it runs."""

    source: ModelSource
    device: str
    dtype: str
    threads: int
    trace_dir: str | None
    """The folder of prefixes and traces that was chosen; each machine has a place of its own where none was."""
    trace_max_bytes: int
    model_key: str
    gpu_share: float = 0.0


@dataclass(frozen=True)
class Home:
    """Where a worker lives."""

    node: str
    """Ray's id of the machine."""
    store: str
    """Names its folder of traces; equal for workers that share it."""
    threads: int


@dataclass(frozen=True)
class Stage:
    """What all evaluations of one stage of one task share."""

    task: str
    benchmark: Benchmark
    requests: tuple[PreparedRequest, ...]
    max_new_tokens: int
    plan: TracePlan | None = None
    """What is recorded of the requests; None where configurations are not tried on traces."""


@dataclass(frozen=True)
class Outcome:
    """A report, or why there is none."""

    report: RequestReport | None
    status: Literal["ok", "oom", "error", "timeout"] = "ok"
    reason: str | None = None
    plan: TracePlan | None = None
    """What is to be recorded, where that was asked."""


class ModelWorker:
    """Loads the model when it starts; its methods answer with an outcome instead of raising."""

    def __init__(self, settings: WorkerSettings) -> None:
        import torch

        from sparse_hub_core.models.loading import load_model
        from sparse_hub_core.models.tensor_store import TensorStore
        from sparse_hub_core.traces.on_device import KeptLayers
        from sparse_hub_core.traces.place import trace_dir

        torch.set_num_threads(settings.threads)
        self._settings = settings
        self._store = TensorStore(trace_dir(settings.trace_dir), settings.trace_max_bytes)
        self._loaded = load_model(settings.source, settings.device, settings.dtype)
        self._kept = KeptLayers.beside(self._loaded.device, settings.gpu_share)
        self._task = ""

    def ready(self) -> Home:
        """Answer once the model is loaded."""
        import ray
        import torch

        return Home(ray.get_runtime_context().get_node_id(), self._store.identity(), torch.get_num_threads())

    def plan(self, stage: Stage) -> Outcome:
        """Find out what to record of a stage's requests, and how much it takes."""
        from sparse_hub_core.traces.plan import ModelShape, plan_traces

        shape = ModelShape.of(self._loaded.model.config, self._loaded.model.dtype.itemsize)
        max_bytes = self._store.room()
        plan = plan_traces(shape, stage.requests, stage.max_new_tokens, max_bytes)
        traced = self._traced(replace(stage, plan=plan))
        asked = [(request, index) for request in stage.requests for index in range(len(request.prompts))]
        return Outcome(None, plan=replace(plan, is_recorded=all(traced.has_trace(*question) for question in asked)))

    def prefill(self, stage: Stage, index: int) -> Outcome:
        """Make the prefix snapshots and traces of a request, unless another process has."""
        from sparse_hub_core.models.prefixes import prefix_snapshot

        # A prefill and a generation need the memory more.
        self._kept.clear()

        def make() -> None:
            for question, prompt in enumerate(stage.requests[index].prompts):
                if stage.plan is None:
                    prefix_snapshot(self._loaded, prompt, self._files(stage))
                else:
                    self._traced(stage).trace(stage.requests[index], question)

        return _outcome_of(make)

    def evaluate(self, stage: Stage, configs: Sequence[MaskerConfig] | None, index: int) -> Outcome:
        """Have one request answered; a failure is an outcome too."""
        from sparse_hub_core.evaluation import evaluate_request

        self._kept.clear()
        return _outcome_of(
            lambda: evaluate_request(
                self._loaded,
                stage.benchmark,
                stage.requests[index],
                configs,
                stage.max_new_tokens,
                self._files(stage),
            )
        )

    def measure_trial(
        self, stage: Stage, optimizer: Optimizer, parameters: Mapping[str, Any], rung: Rung, indices: Sequence[int]
    ) -> dict[str, Any]:
        """Measure a configuration on some requests, in order, and return plain numbers: their reader has no torch."""
        from sparse_hub_core.traces.measure import measure

        configs = optimizer.create_config_from_params(parameters)
        answers: list[Measures] = []

        def measure_all() -> None:
            traced = self._traced(stage)
            for index in indices[len(answers) :]:
                request = stage.requests[index]
                answers.append(measure(traced, stage.benchmark, request, configs, rung.fidelity, rung.num_seeds))

        outcome = _outcome_of(measure_all)
        if outcome.status == "oom" and self._kept.give_way():
            # It may have been short of what was kept for it.
            outcome = _outcome_of(measure_all)
        found = [answer.as_answer() for answer in answers]
        return {"status": outcome.status, "reason": outcome.reason, "answers": found}

    def latency(self, stage: Stage, configs: Sequence[MaskerConfig], index: int) -> tuple[float, float]:
        """Return milliseconds per decode step, sparse and dense, measured without measuring anything else."""
        from sparse_hub_core.evaluation import latency

        request, files = stage.requests[index], self._files(stage)
        sparse = latency(self._loaded, request, configs, stage.max_new_tokens, files)
        return sparse, latency(self._loaded, request, None, stage.max_new_tokens, files)

    def _files(self, stage: Stage) -> ModelFiles:
        from sparse_hub_core.models.snapshot import ModelFiles

        if stage.task != self._task:
            # What belongs to earlier tasks may make room from now on.
            self._store.begin()
            self._kept.clear()
            self._task = stage.task
        about = {"model": self._settings.source.name, "task": stage.task, "dtype": self._settings.dtype}
        return ModelFiles(self._store, self._settings.model_key, about)

    def _traced(self, stage: Stage) -> Traced:
        from sparse_hub_core.traces.measure import Traced
        from sparse_hub_core.traces.plan import ModelShape, all_layers

        plan = stage.plan or all_layers(ModelShape.of(self._loaded.model.config, self._loaded.model.dtype.itemsize))
        return Traced(self._loaded, self._files(stage), stage.max_new_tokens, plan, self._kept)


def _outcome_of(call: Callable[[], RequestReport | None]) -> Outcome:
    """Return what a call gives, or how it failed."""
    import torch

    try:
        return Outcome(call())
    except (torch.OutOfMemoryError, MemoryError) as error:
        return Outcome(None, "oom", _one_line(error))
    except Exception as error:
        # A masker may raise anything; the trial's line says what.
        return Outcome(None, "error", _one_line(error))


def _one_line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" (in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})" if trace else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}{where}"
