"""The deterministic maskers against the public reference's tensors; deviations follow its list of oddities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sparse_hub_core import AttentionResult, SparseAttention, get_masker_config
from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.engine import Scoring, sparse_attention
from sparse_hub_core.attention.mask import Mask

GOLDEN = Path(__file__).parent.parent / "golden"
NAMES = {
    "Sink": "sink",
    "Local": "local",
    "OracleTopK": "oracle_top_k",
    "OracleTopP": "oracle_top_p",
    "QuestTopK": "quest",
}
CASES = json.loads((GOLDEN / "maskers_index.json").read_text())["cases"]

Stack = tuple[str, str]


def stacks() -> list[Stack]:
    return [
        (case, stack)
        for case, info in CASES.items()
        for stack, details in info["stacks"].items()
        if {masker["name"] for masker in details["maskers"]} <= NAMES.keys()
    ]


# README, oddity 2: the reference turns dense when Lk <= window + Lq.
WINDOW_TURNS_DENSE = [(case, stack) for case, stack in stacks() if CASES[case]["stacks"][stack]["mask_is_full_flag"]]
# README, oddity 4: a share that truncates to no key gives it NaN.
SHARE_ROUNDS_TO_ZERO = [(case, stack) for case, stack in stacks() if CASES[case]["stacks"][stack]["output_has_nan"]]
TOP_P = ("sink_local_topp50", "sink_local_topp90", "small_sink_local_topp50")
AGREEING = [where for where in stacks() if where not in WINDOW_TURNS_DENSE + SHARE_ROUNDS_TO_ZERO]


def tensors(case: str) -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / f"maskers_{case}.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def params(case: str, stack: str) -> dict[str, Any]:
    maskers = CASES[case]["stacks"][stack]["maskers"]
    return {name: value for masker in maskers for name, value in masker["params"].items()}


def attend(case: str, stack: str, arrays: dict[str, torch.Tensor]) -> AttentionResult:
    maskers = CASES[case]["stacks"][stack]["maskers"]
    attention = SparseAttention([get_masker_config(NAMES[m["name"]])(**m["params"]) for m in maskers])
    return attention(arrays["q"], arrays["k"], arrays["v"], attention_mask=arrays.get("attention_mask"))


def legal_pairs(arrays: dict[str, torch.Tensor]) -> torch.Tensor:
    num_queries, num_keys = arrays["q"].shape[2], arrays["k"].shape[2]
    return torch.ones(num_queries, num_keys).tril(num_keys - num_queries)


@pytest.mark.parametrize(("case", "stack"), AGREEING)
def test_masks_and_outputs_agree_with_the_reference(case: str, stack: str) -> None:
    details, arrays = CASES[case]["stacks"][stack], tensors(case)
    result = attend(case, stack, arrays)
    differs = (result.mask.to_dense() != arrays[f"{stack}.mask"] * legal_pairs(arrays)).any(-1)
    margin = arrays.get(f"{stack}.margin", torch.ones(differs.shape))
    clear = margin > (1e-5 if stack in TOP_P else 1e-4)
    comparable = ~bounds_hold_future_keys(case, stack)
    assert comparable.any()
    assert not differs[:, :, comparable][clear[:, :, comparable]].any()
    theirs = arrays[f"{stack}.output"][:, comparable]
    torch.testing.assert_close(result.output.transpose(1, 2)[:, comparable], theirs, atol=1e-4, rtol=0)
    assert not comparable.all() or result.density == pytest.approx(details["derived_density_over_allowed"], abs=1e-6)


def bounds_hold_future_keys(case: str, stack: str) -> torch.Tensor:
    """Which queries the reference's Quest lets see bounds of keys that come after them; here none do."""
    num_queries, num_keys = CASES[case]["shape"]["Q"], CASES[case]["shape"]["K"]
    size = params(case, stack).get("page_size", 1)
    positions = torch.arange(num_keys - num_queries, num_keys)
    return positions < torch.minimum(positions // size * size + size, torch.tensor(num_keys)) - 1


@pytest.mark.parametrize(("case", "stack"), WINDOW_TURNS_DENSE)
def test_a_window_stays_a_window_where_the_reference_turns_dense(case: str, stack: str) -> None:
    arrays, sizes = tensors(case), params(case, stack)
    result = attend(case, stack, arrays)
    num_queries, num_keys = arrays["q"].shape[2], arrays["k"].shape[2]
    columns, positions = torch.arange(num_keys), torch.arange(num_keys - num_queries, num_keys)[:, None]
    sink, window = (
        max(1, int(size * num_keys)) if isinstance(size, float) else size
        for size in (sizes.get("sink_size", 0), sizes["window_size"])
    )
    expected = ((columns < sink) | (columns > positions - window)) & (columns <= positions)
    read = result.mask.to_dense() > 0
    assert not (expected & ~read).any()
    rows = torch.minimum(expected.sum(-1) + sizes.get("heavy_size", 0), positions[:, 0] + 1)
    assert "top_p" in sizes or torch.equal(read.sum(-1), rows.expand_as(read.sum(-1)))
    assert result.density < 1.0


@pytest.mark.parametrize(("case", "stack"), [where for where in AGREEING if where[1] in TOP_P])
def test_top_p_takes_the_smallest_set(case: str, stack: str) -> None:
    arrays = tensors(case)
    maskers = CASES[case]["stacks"][stack]["maskers"]
    slices = SparseAttention([get_masker_config(NAMES[m["name"]])(**m["params"]) for m in maskers[:-1]])
    held = slices(arrays["q"], arrays["k"], arrays["v"], attention_mask=arrays.get("attention_mask")).num_read
    added = attend(case, stack, arrays).num_read - held
    clear = arrays[f"{stack}.margin"] > 1e-5
    assert clear.any()
    assert torch.equal(added[clear], arrays[f"{stack}.minimal_top_p_count"].long()[clear])


@pytest.mark.parametrize(("case", "stack"), SHARE_ROUNDS_TO_ZERO)
def test_a_share_that_rounds_to_zero_reads_one_key(case: str, stack: str) -> None:
    arrays = tensors(case)
    result = attend(case, stack, arrays)
    assert torch.equal(result.num_read, torch.ones_like(result.num_read))
    group = arrays["q"].shape[1] // arrays["v"].shape[1]
    first_value = arrays["v"][:, :, :1].repeat_interleave(group, dim=1)
    torch.testing.assert_close(result.output, first_value.expand_as(result.output))


@pytest.mark.parametrize("with_sinks", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_fractional_inclusion_probabilities_agree_with_the_reference(case: str, with_sinks: bool) -> None:
    arrays = tensors(case)
    given = arrays["estimator.mask"]
    indices = torch.arange(given.shape[-1]).expand(given.shape)
    mask = Mask.empty(arrays["q"], arrays["k"]).with_keys(indices, given)
    scoring = Scoring(CASES[case]["scaling"], sink_logits=arrays["estimator.sink_logits"] if with_sinks else None)
    output, count = sparse_attention(arrays["q"], arrays["k"], arrays["v"], mask, scoring)
    expected = arrays["estimator.output_with_sink_logits" if with_sinks else "estimator.output"]
    torch.testing.assert_close(output.transpose(1, 2), expected, atol=1e-4, rtol=0)
    assert torch.equal(mask.to_dense(), given * legal_pairs(arrays))
    assert torch.equal(count, (given * legal_pairs(arrays) > 0).sum(-1))


@pytest.mark.parametrize("case", CASES)
def test_dense_attention_agrees_with_the_reference(case: str) -> None:
    arrays = tensors(case)
    dense = dense_attention(arrays["q"], arrays["k"], arrays["v"], Scoring(CASES[case]["scaling"]))
    torch.testing.assert_close(dense.transpose(1, 2), arrays["dense_output"], atol=1e-5, rtol=0)
