from __future__ import annotations

import pytest
import torch
from small_runs import make_gemma2, make_llama

from sparse_hub_core.models.loading import LoadedModel
from tests.models.conftest import tokenizer

__all__ = ["tokenizer"]


@pytest.fixture(scope="session")
def llama(tokenizer):
    """Six layers, so that a subset of them leaves some out."""
    return LoadedModel("tiny", make_llama(6), tokenizer, torch.device("cpu"))


@pytest.fixture(scope="session", params=[lambda: make_llama(3), make_gemma2], ids=["llama", "gemma2"])
def loaded(request, tokenizer):
    return LoadedModel("tiny", request.param(), tokenizer, torch.device("cpu"))
