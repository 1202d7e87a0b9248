"""Runs what pages show in one process: commands of the program and blocks of Python, after the settings they read."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from sparse_hub_core.cli.main import main


def run(steps: list[dict[str, str]]) -> None:
    names: dict[str, dict[str, Any]] = {}
    for step in steps:
        sys.stdout.write(f"=== {step['page']}: {step['shown']}\n")
        os.chdir(step["folder"])
        if step["language"] == "toml":
            Path("sparse-hub.toml").write_text(step["source"])
        elif step["language"] == "sh":
            code = main(shlex.split(step["source"])[1:])
            if code != 0:
                sys.exit(f"{step['page']}: {step['source']} ended with {code}")
        else:
            # The blocks of a page go on where the one before ended.
            exec(compile(step["source"], step["page"], "exec"), names.setdefault(step["page"], {}))


if __name__ == "__main__":
    run(json.load(sys.stdin))
