"""docs/scaling.md shows what its script computes, and the script's formulas agree with a model and with the code."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from types import ModuleType

import pytest
import torch
from pages import ROOT, page
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from sparse_hub_core.spec import Spec
from sparse_hub_core.traces.on_device import KEPT_SHARE

sys.path.append(str(ROOT / "benchmarks"))
PAPER: ModuleType = importlib.import_module("cost_on_paper")
FORMULAS: ModuleType = importlib.import_module("on_paper.formulas")
LLAMA, SEARCH = FORMULAS.Model(), FORMULAS.Search()
SHORT = 32768


def llama(model: object, **changes: object) -> LlamaForCausalLM:
    config = LlamaConfig(
        num_hidden_layers=model.layers,
        num_attention_heads=model.query_heads,
        num_key_value_heads=model.kv_heads,
        head_dim=model.head_dim,
        hidden_size=model.hidden,
        intermediate_size=model.intermediate,
        vocab_size=model.vocabulary,
        tie_word_embeddings=False,
        **changes,
    )
    with torch.device("meta"):
        return LlamaForCausalLM(config).eval()


def tables(text: str) -> dict[str, str]:
    return dict(re.findall(r"^<!-- cost_on_paper: (\w+) -->\n((?:\|.*\n)+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", PAPER.tables())
def test_a_table_of_the_page_is_what_the_script_prints(name: str) -> None:
    assert tables(page("scaling.md"))[name].rstrip("\n") == PAPER.tables()[name]


def test_the_page_shows_no_computed_table_that_the_script_has_not() -> None:
    assert tables(page("scaling.md")).keys() == PAPER.tables().keys()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (LLAMA.kv_bytes(SHORT), 4 << 30),
        (LLAMA.kv_bytes(SHORT, 1), 128 << 20),
        (LLAMA.row_bytes(1), 256 << 10),
        (LLAMA.kv_bytes(SHORT, SEARCH.f0_layers), 1 << 30),
        (sum(FORMULAS.prefill_flops(LLAMA, SHORT)), 739e12),
        (2.0 * SEARCH.positions * SHORT * LLAMA.width * LLAMA.layers, 0.55e12),
        (LLAMA.weight_bytes, 16.06e9),
    ],
)
def test_known_figures(found: float, expected: float) -> None:
    assert found == pytest.approx(expected, rel=1e-3)


def test_the_weights_are_those_of_the_model() -> None:
    assert sum(weight.numel() for weight in llama(LLAMA).parameters()) * LLAMA.value_bytes == LLAMA.weight_bytes


def test_the_flops_of_a_prefill_are_those_that_torch_counts() -> None:
    small = dataclasses.replace(LLAMA, layers=2, hidden=64, query_heads=8, head_dim=8, intermediate=96, vocabulary=50)
    model = llama(small, attn_implementation="eager")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 256, dtype=torch.long, device="meta"), logits_to_keep=1)
    weights, causal_attention = FORMULAS.prefill_flops(small, 256)
    # Eager attention also computes the half that the causal mask hides; the rotary angles are two rows by 256.
    assert counter.get_total_flops() == pytest.approx(weights + 2 * causal_attention, rel=1e-3)


def test_the_settings_are_the_defaults() -> None:
    spec = Spec()
    assert SEARCH.configurations[0] == spec.num_samples
    assert (SEARCH.requests, SEARCH.new_tokens) == (spec.search.max_requests, spec.search.max_new_tokens)
    assert SEARCH.trace_limit == spec.trace_max_gb * (1 << 30)
    assert SEARCH.kept_share == KEPT_SHARE
    assert SEARCH.validation_requests == spec.validation.max_requests
    assert SEARCH.validation_tokens == spec.validation.max_new_tokens


@pytest.mark.parametrize(
    "told",
    [
        f"{SEARCH.requests} requests with one question of {SEARCH.question_tokens} tokens",
        f"{SEARCH.new_tokens} new tokens",
        f"{SEARCH.configurations[0]} configurations",
        f"{SEARCH.validation_requests} requests, {SEARCH.validation_tokens} tokens",
        f"reads {SEARCH.density:.0%} of them and hashes each to {SEARCH.index_bits} bits",
    ],
)
def test_the_page_tells_the_settings(told: str) -> None:
    assert told in page("scaling.md")


def test_the_rungs_are_those_of_the_ladder() -> None:
    from sparse_hub_core.search.ladder import num_promoted, rungs

    counts = [SEARCH.configurations[0]]
    for rung in rungs("ladder", masks_prefix=False)[1:]:
        counts.append(num_promoted(counts[-1], rung.fidelity))
    assert tuple(counts) == SEARCH.configurations
    assert tuple(rung.num_seeds for rung in rungs("ladder", masks_prefix=False)) == PAPER.DRAWING.seeds
    shown = tuple(rung.num_requests(SEARCH.requests) for rung in rungs("ladder", masks_prefix=False))
    assert shown == SEARCH.rung_requests


def test_the_subset_is_that_of_the_replay() -> None:
    from sparse_hub_core.traces import replay

    assert round(replay.SUBSET_SHARE * LLAMA.layers) == SEARCH.f0_layers
    assert SEARCH.f0_question_positions == replay.SUBSET_QUESTION_POSITIONS


@pytest.mark.parametrize("length", PAPER.CONTEXTS)
def test_sizes_and_limits_are_those_that_a_search_plans_with(length: int) -> None:
    from sparse_hub_core.benchmark import Question, Request
    from sparse_hub_core.evaluation import PreparedRequest
    from sparse_hub_core.models.prompt import Prompt
    from sparse_hub_core.traces.plan import ModelShape, plan_traces

    shape = ModelShape.of(llama(LLAMA).config, LLAMA.value_bytes)
    request, suffix = Request("r", "", (Question("q", ("a",)),)), (0,) * SEARCH.question_tokens
    prepared = [
        PreparedRequest(request, (Prompt((index, *(0,) * (length - 1)), suffix),)) for index in range(SEARCH.requests)
    ]
    plan = plan_traces(shape, prepared, SEARCH.new_tokens, SEARCH.trace_limit)
    each = LLAMA.kv_bytes(length) + FORMULAS.trace_bytes(LLAMA, SEARCH)
    assert plan.wanted_bytes == pytest.approx(SEARCH.requests * each, rel=1e-2)
    column = 1 + PAPER.CONTEXTS.index(length)
    (told,) = [row.split("|")[1 + column] for row in PAPER.limit().splitlines() if row.startswith("| layers recorded")]
    assert told.strip() == f"{len(plan.layers)} of {LLAMA.layers}"
    assert plan.keeps_prefixes == (len(plan.layers) == LLAMA.layers)
