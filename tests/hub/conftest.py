from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .hub_server import Hub, serving

CLIENT = Path(__file__).parent / "client.py"


@dataclass
class Client:
    """A machine with a cache of its own, whose hub is the test's."""

    hub: Hub
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self, **more: str) -> dict[str, str]:
        own = {
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "HF_HUB_OFFLINE": "0",
            "OMP_NUM_THREADS": "1",
        }
        unset = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        return unset | own | self.environment | more

    def start(self, *jobs: dict, **more: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, str(CLIENT)], env=self.variables(**more), text=True, **pipes)
        process.stdin.write(json.dumps(jobs))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, *jobs: dict, **more: str) -> list[dict]:
        """What came of each job; nothing but that may be printed."""
        output, errors = self.start(*jobs, **more).communicate(timeout=100)
        assert errors == ""
        return [json.loads(line) for line in output.splitlines()]

    def one(self, do: str, **job) -> dict:
        return self.run({"do": do, **job})[0]


@pytest.fixture
def hub():
    with serving() as running:
        yield running


@pytest.fixture
def client(hub, tmp_path):
    return Client(hub, tmp_path / "home")
