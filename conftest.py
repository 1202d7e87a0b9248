from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

# Tensors in tests are small: more threads would only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def traces_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep traces out of the user's cache, also those of processes that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARSE_HUB_TRACE_DIR", str(tmp_path_factory.mktemp("traces")))
        yield
