"""The Ray trainable: a thin shell that has one request after another evaluated by the worker of its slot."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import ray
from ray import tune

from sparse_hub_core.workers.pool import NAMESPACE, WORKER_DIED, last_line

MEASURES = ("error", "density", "io_density", "score")


@dataclass(frozen=True)
class TrialJob:
    """What all trials of a search share; the references spare this process the import of torch."""

    stage: ray.ObjectRef
    optimizer: ray.ObjectRef
    objective: Callable[[float, float], float]
    num_requests: int
    timeout: float


class SearchTrial(tune.Trainable):  # type: ignore[misc]
    """One step is one request; actors of this class are reused, the model stays in the worker."""

    def setup(self, config: dict[str, Any], job: TrialJob | None = None) -> None:
        """Begin a trial in a new actor."""
        assert job is not None
        self.job = job
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this actor."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Have the next request evaluated; failures end the trial with a status and a reason."""
        if len(self.answers) < self.job.num_requests:
            answer = self._evaluate(len(self.answers))
            if answer["status"] != "ok":
                return self._result(done=True, status=answer["status"], reason=answer["reason"])
            self.answers.append({name: answer[name] for name in MEASURES})
        error, density = self._mean("error"), self._mean("density")
        assert error is not None
        assert density is not None
        objective = float(self.job.objective(error, density))
        if not math.isfinite(objective):
            reason = f"the objective is {objective} at error {error}, density {density}"
            return self._result(done=True, status="error", reason=reason)
        finished = len(self.answers) == self.job.num_requests
        return self._result(done=finished, status="ok" if finished else "running", objective=objective)

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Save nothing: a trial is short, and its finished ones are in trials.jsonl."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Load nothing."""

    def _begin(self, config: dict[str, Any]) -> None:
        self.trial_config = config
        # What a process that was killed had finished of this trial is not evaluated again.
        self.answers: list[dict[str, float | None]] = list(config["answers"])
        self.deadline: float | None = None

    def _evaluate(self, index: int) -> dict[str, Any]:
        try:
            worker = ray.get_actor(self.trial_config["worker"], namespace=NAMESPACE)
        except ValueError:
            return {"status": "error", "reason": WORKER_DIED}
        try:
            if self.deadline is None:
                # A worker that was just replaced loads the model first; that is not the trial's time.
                ray.get(worker.ready.remote())
                self.deadline = time.monotonic() + self.job.timeout
            parameters = self.trial_config["parameters"]
            reference = worker.evaluate_trial.remote(self.job.stage, self.job.optimizer, parameters, index)
            answer: dict[str, Any] = ray.get(reference, timeout=max(0.0, self.deadline - time.monotonic()))
        except ray.exceptions.GetTimeoutError:
            reason = f"the trial reached its limit of {self.job.timeout:g} s in request {index + 1}"
            return {"status": "timeout", "reason": reason}
        except ray.exceptions.OutOfMemoryError as error:
            return {"status": "oom", "reason": last_line(error)}
        except ray.exceptions.RayTaskError as error:
            return {"status": "error", "reason": last_line(error)}
        except ray.exceptions.RayActorError:
            return {"status": "error", "reason": WORKER_DIED}
        return answer

    def _mean(self, name: str) -> float | None:
        known = [value for answer in self.answers if (value := answer[name]) is not None]
        return fmean(known) if known else None

    def _result(
        self, done: bool, status: str, reason: str | None = None, objective: float | None = None
    ) -> dict[str, Any]:
        result: dict[str, Any] = {
            "done": done,
            "status": status,
            "reason": reason,
            "requests_finished": len(self.answers),
        }
        if self.answers:
            result.update({name: self._mean(name) for name in MEASURES})
            # Ray Tune flattens nested results, so the request's own measures stand beside the means.
            result.update({f"request_{name}": self.answers[-1][name] for name in MEASURES})
        if objective is not None:
            result["objective"] = objective
        return result
