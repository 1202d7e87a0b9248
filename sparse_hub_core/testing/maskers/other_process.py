"""Another Python process, with another hash seed: what a config is there, and which keys its masker reads there.

One process serves all maskers of a session, because importing torch is what takes the time.
"""

from __future__ import annotations

import atexit
import base64
import functools
import importlib
import json
import os
import subprocess
import sys
from typing import Any, Literal, TypeAlias

import numpy as np

from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.testing.check import require
from sparse_hub_core.testing.maskers.one_thread import one_thread
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import draw, look

PATIENCE = 5.0
"""Seconds that the process gets to end."""
HASH_SEED = "PYTHONHASHSEED"
SERVE = "from sparse_hub_core.testing.maskers.other_process import serve; serve()"


Part: TypeAlias = Literal["parameters", "identity", "pairs"]
"""What must be the same in every process; pairs are the packed mask of a fixed call."""


def here(subject: Subject, config: MaskerConfig, part: Part) -> Any:
    """Return one thing of a config as it is in this process, in a form that JSON takes."""
    if part == "parameters":
        return config.parameters()
    if part == "identity":
        return content_hash(config.identity())
    read = look(subject, subject.behind(config), draw(subject, 0, subject.length)).probabilities > 0
    return base64.b64encode(np.packbits(read.numpy()).tobytes()).decode()


def elsewhere(subject: Subject, config: MaskerConfig, part: Part) -> Any:
    """Return the same of a config that another process makes of its parameters.

    Raises:
        AssertionError: It cannot be told there; the sentence says why.
    """
    config_class = type(config)
    request = {
        "name": subject.name,
        "role": subject.role,
        "module": config_class.__module__,
        "class": config_class.__qualname__,
        "parameters": config.parameters(),
        "heads": subject.heads,
        "head_dim": subject.head_dim,
        "part": part,
    }
    answer = _other_process().ask(request)
    require("value" in answer, f"another process cannot tell its {part}: {answer.get('error')}")
    return answer["value"]


def unpacked(pairs: str) -> np.ndarray[Any, Any]:
    """Return packed pairs as zeros and ones."""
    return np.unpackbits(np.frombuffer(base64.b64decode(pairs), dtype=np.uint8))


def serve() -> None:
    """Answer requests, one JSON line each, until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    # What a masker prints must not stand between the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = {"value": _answer(json.loads(line))}
        except Exception as error:
            # The process that asked tells what was raised here.
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(request: dict[str, Any]) -> Any:
    config_class: Any = importlib.import_module(request["module"])
    for name in request["class"].split("."):
        config_class = getattr(config_class, name)
    config = config_class.from_parameters(request["parameters"])
    heads = request["heads"] and tuple(request["heads"])
    subject = Subject(request["name"], config_class, request["role"], config, heads, request["head_dim"])
    with one_thread():
        return here(subject, config, request["part"])


class _OtherProcess:
    def __init__(self) -> None:
        environment = os.environ | {
            HASH_SEED: "2" if os.environ.get(HASH_SEED) == "1" else "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise SparseHubError("The other process of the conformance kit ended; is sparse_hub_core importable there?")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@functools.cache
def _other_process() -> _OtherProcess:
    return _OtherProcess()
