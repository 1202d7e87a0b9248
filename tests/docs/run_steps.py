"""Runs what pages show in one process: commands of the program and blocks of Python, after the settings they read."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from sparse_hub_core.cli.main import main


def run(steps: list[dict[str, str]]) -> None:
    for step in steps:
        sys.stdout.write(f"=== {step['name']}: {step['shown']}\n")
        if step["language"] == "toml":
            Path("sparse-hub.toml").write_text(step["source"])
        elif step["language"] == "sh":
            code = main(shlex.split(step["source"])[1:])
            if code != 0:
                sys.exit(f"{step['name']}: {step['source']} ended with {code}")
        else:
            exec(compile(step["source"], step["name"], "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    run(json.load(sys.stdin))
