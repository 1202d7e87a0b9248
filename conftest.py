from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

TOGETHER = ("tests/docs", "tests/run/finished")
"""Folders whose tests look at one thing that takes long to make, of which two processes would make two."""

# Tensors in tests are small: more threads would only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def traces_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep traces out of the user's cache, also those of processes that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARSE_HUB_TRACE_DIR", str(tmp_path_factory.mktemp("traces")))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each file to one process as a whole, and the files of some folders to the same one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return next((folder for folder in TOGETHER if path.startswith(f"{folder}/")), path)

    return ByFile(config, log)
