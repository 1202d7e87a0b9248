"""The conformance kit on hash_attention with weights, in the shapes that they fit."""

from __future__ import annotations

import pytest
from learned_hashes import HEAD_DIM, write
from sparse_hub_hashattention.hash_attention import HashAttentionConfig

from sparse_hub_core.testing import CHECKS, Check, Subject


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    path = write(tmp_path_factory.mktemp("weights") / "weights.safetensors", layers=(0, 1))
    config = HashAttentionConfig(weights=str(path))
    return Subject.of("hash_attention", config=config, heads=(4, 2), head_dim=HEAD_DIM)


@pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])
def test_conformance(check: Check, subject: Subject) -> None:
    reason = check.does_not_apply(subject)
    if reason is not None:
        pytest.skip(reason)
    check(subject)
