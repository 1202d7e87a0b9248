"""Tiny transformers models: a full budget is the untouched model, and the model comes back as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import transformers
from tiny_models import COMMON, CONFIGS, build, generate, logits, tokens
from transformers import AutoModelForCausalLM, DynamicCache, PretrainedConfig

from sparse_hub_core import AttentionResult, ModelError, SparseAttention, get_masker_config
from sparse_hub_core.attention.attachment import Attachment
from sparse_hub_core.attention.transformers_seam import IMPLEMENTATION, attached, full_attention_layers

Sink, Local = get_masker_config("sink"), get_masker_config("local")
OracleTopK = get_masker_config("oracle_top_k")
EVERYTHING = [Sink(sink_size=1.0)]
SAMPLE = [Sink(sink_size=1), get_masker_config("magic_pig")(lsh_k=2, lsh_l=8)]
LITTLE = [Sink(sink_size=1), Local(window_size=2), OracleTopK(heavy_size=1)]

FULL_LAYERS = {
    "llama4": [3],
    "qwen2_sliding": [0, 1],
    "gemma2": [1, 3],
    "gemma3": [1, 3],
    "gpt_oss": [1, 3],
}
MODELS: dict[str, Any] = {}


@pytest.fixture(params=CONFIGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(name: str) -> Any:
    if name not in MODELS:
        MODELS[name] = build(CONFIGS[name]())
    return MODELS[name]


@pytest.fixture
def llama() -> Any:
    return build(CONFIGS["llama"]())


class Notes:
    def __init__(self) -> None:
        self.calls: list[tuple[int, int, int]] = []
        self.densities: list[float] = []

    def observe(self, layer_idx: int, stage: str, result: AttentionResult, dense_output: torch.Tensor) -> None:
        assert result.output.shape == dense_output.shape
        self.calls.append((layer_idx, result.mask.num_queries, result.mask.num_keys))
        self.densities.append(result.density)


def test_the_layers_that_can_be_sparse(name: str, model: Any) -> None:
    assert full_attention_layers(model.config) == FULL_LAYERS.get(name, [0, 1, 2, 3])


def test_a_full_budget_generates_what_the_untouched_model_does(name: str, model: Any) -> None:
    ids = tokens(19)
    expected, expected_logits = generate(model, ids)
    for prefix_length in (None, 0, 8, 19, 30):
        with SparseAttention(EVERYTHING).on(model, prefix_length):
            got, got_logits = generate(model, ids)
        torch.testing.assert_close(got_logits, expected_logits, atol=2e-4, rtol=1e-4)
        assert torch.equal(got, expected)


@pytest.mark.parametrize("prefix_length", [None, 0, 8])
def test_a_full_budget_has_the_logits_of_the_untouched_model(name: str, model: Any, prefix_length: int | None) -> None:
    ids = tokens(19)
    expected = logits(model, ids)
    with SparseAttention(EVERYTHING).on(model, prefix_length):
        torch.testing.assert_close(logits(model, ids), expected, atol=2e-4, rtol=1e-4)


def test_a_small_budget_changes_what_is_sparse_and_nothing_before(name: str, model: Any) -> None:
    ids = tokens(19)
    expected = logits(model, ids)
    with SparseAttention(LITTLE).on(model, prefix_length=12) as running:
        assert running is model
        got = logits(model, ids)
    torch.testing.assert_close(got[:, :12], expected[:, :12], atol=2e-4, rtol=1e-4)
    assert ((got - expected).abs().amax(-1)[:, 12:] > 1e-3).any()
    dense, sparse = generate(model, ids)[1], None
    with SparseAttention(LITTLE).on(model):
        sparse = generate(model, ids)[1]
    torch.testing.assert_close(sparse[:, 0], dense[:, 0], atol=2e-4, rtol=1e-4)
    assert (sparse[:, 1] - dense[:, 1]).abs().max() > 1e-3


def test_only_full_layers_and_queries_after_the_prefix_are_sparse(name: str, model: Any) -> None:
    ids, notes = tokens(19), Notes()
    attention = SparseAttention(LITTLE)
    with attached(model, Attachment(attention, 12, notes)):
        generate(model, ids, max_new_tokens=3)
    layers = full_attention_layers(model.config)
    expected = [(layer, *lengths) for lengths in ((7, 19), (1, 20), (1, 21)) for layer in layers]
    assert notes.calls == expected
    assert max(notes.densities) < 0.5


@pytest.mark.parametrize("stack", [EVERYTHING, LITTLE, SAMPLE, [Sink(sink_size=0.2), Local(window_size=0.3)]])
@pytest.mark.parametrize("prefix_length", [None, 9])
def test_a_left_padded_batch_generates_what_its_rows_do(
    name: str, model: Any, stack: list[Any], prefix_length: int | None
) -> None:
    ids, mask = tokens(14, batch=3), torch.ones(3, 14, dtype=torch.long)
    for row, padding in enumerate((0, 3, 8)):
        ids[row, :padding], mask[row, :padding] = 0, 0
    attention = SparseAttention(stack)
    with attention.on(model, prefix_length):
        got, got_logits = generate(model, ids, mask)
    for row, padding in enumerate((0, 3, 8)):
        with attention.on(model, None if prefix_length is None else prefix_length - padding):
            alone, alone_logits = generate(model, ids[row : row + 1, padding:])
        torch.testing.assert_close(got_logits[row : row + 1], alone_logits, atol=5e-4, rtol=1e-3)
        assert torch.equal(got[row : row + 1], alone)


@pytest.mark.parametrize("prefix_length", [None, 4])
@pytest.mark.parametrize("stack", [LITTLE, SAMPLE])
def test_prompts_one_after_the_other_are_independent(llama: Any, stack: list[Any], prefix_length: int | None) -> None:
    first, second, third = tokens(11, seed=1), tokens(16, seed=2), tokens(16, seed=3)
    with SparseAttention(stack).on(llama, prefix_length):
        running = [generate(llama, ids)[1] for ids in (first, second, third, first)]
    for ids, got in zip((first, second, third, first), running, strict=True):
        with SparseAttention(stack).on(llama, prefix_length):
            assert torch.equal(generate(llama, ids)[1], got)


@pytest.mark.parametrize("lengths", [(9, 14), (14, 9), (9, 9)])
def test_snapshots_one_after_the_other_are_independent(llama: Any, lengths: tuple[int, int]) -> None:
    """Prefixes that were computed before the block, and only continued inside it."""

    def decode(cache: DynamicCache, seed: int) -> torch.Tensor:
        with torch.inference_mode():
            rows = [llama(token[None], past_key_values=cache).logits for token in tokens(4, seed).T]
        return torch.cat(rows, dim=1)

    caches = []
    for seed, length in enumerate(lengths):
        cache = DynamicCache(config=llama.config)
        with torch.inference_mode():
            llama(tokens(length, seed), past_key_values=cache)
        caches.append(cache)
    copies = copy.deepcopy(caches)
    with SparseAttention(SAMPLE).on(llama):
        running = [decode(cache, seed) for seed, cache in enumerate(caches)]
    for seed, (cache, got) in enumerate(zip(copies, running, strict=True)):
        with SparseAttention(SAMPLE).on(llama):
            assert torch.equal(decode(cache, seed), got)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("fails", [False, True])
def test_leaving_the_block_restores_the_model(implementation: str, fails: bool) -> None:
    model = build(CONFIGS["qwen3"](), implementation)
    before, ids = logits(model, tokens(9)), tokens(9)
    attributes = [sorted(vars(module)) for module in model.modules()]
    config = copy.deepcopy(model.config)
    attention = SparseAttention(LITTLE)
    try:
        with attention.on(model, prefix_length=2):
            assert model.config._attn_implementation == IMPLEMENTATION
            assert not torch.allclose(logits(model, ids), before)
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert model.config._attn_implementation == implementation
    assert model.config.to_dict() == config.to_dict()
    assert [sorted(vars(module)) for module in model.modules()] == attributes
    assert torch.equal(logits(model, ids), before)
    with attention.on(model):
        pass


def test_a_model_runs_one_attention_at_a_time(llama: Any) -> None:
    attention, ids = SparseAttention(LITTLE), tokens(9)
    with attention.on(llama):
        alone = generate(llama, ids)[1]
    with attention.on(llama):
        logits(llama, ids)
        for other in (attention, SparseAttention(EVERYTHING)):
            with pytest.raises(ModelError, match="already runs with a SparseAttention"), other.on(llama):
                pass
        assert llama.config._attn_implementation == IMPLEMENTATION
        assert torch.equal(generate(llama, ids)[1], alone)
    assert llama.config._attn_implementation == "eager"


@pytest.mark.parametrize(
    "config",
    [
        transformers.MistralConfig(**COMMON, sliding_window=6),
        transformers.Phi3Config(**COMMON, sliding_window=6),
        transformers.Qwen2Config(**COMMON, use_sliding_window=True, sliding_window=6, max_window_layers=0),
    ],
    ids=["mistral", "phi3", "qwen2"],
)
def test_a_model_of_sliding_windows_alone_is_refused(config: PretrainedConfig) -> None:
    model = build(config)
    message = r"Every attention layer of this \w+ForCausalLM is a sliding window"
    with pytest.raises(ModelError, match=message), SparseAttention(LITTLE).on(model):
        pass
    assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize("model", [torch.nn.Linear(2, 2), transformers.BloomConfig])
def test_what_cannot_be_replaced_is_refused(model: Any) -> None:
    if isinstance(model, type):
        model = AutoModelForCausalLM.from_config(model(vocab_size=64, hidden_size=32, n_layer=1, n_head=4))
    with pytest.raises(ModelError, match="cannot"), SparseAttention(LITTLE).on(model):
        pass
    assert not any(hasattr(module, "sparse_hub_attachment") for module in model.modules())


def test_a_four_dimensional_additive_mask_is_honoured(llama: Any) -> None:
    ids, generator = tokens(12), torch.Generator().manual_seed(0)
    bias = torch.randn(1, 1, 12, 12, generator=generator)
    bias = bias.masked_fill(torch.ones(12, 12, dtype=torch.bool).triu(1), torch.finfo(torch.float32).min)
    with torch.inference_mode():
        expected = llama(ids, attention_mask=bias).logits
        for prefix_length in (None, 0, 5):
            with SparseAttention(EVERYTHING).on(llama, prefix_length):
                got = llama(ids, attention_mask=bias).logits
            torch.testing.assert_close(got, expected, atol=2e-4, rtol=1e-4)


def test_a_cache_with_room_for_the_future_is_refused(llama: Any) -> None:
    with pytest.raises(ModelError, match="static cache"), SparseAttention(LITTLE).on(llama):
        generate(llama, tokens(9), cache_implementation="static", disable_compile=True)
    assert llama.config._attn_implementation == "eager"


def test_half_precision_keeps_its_dtype() -> None:
    model = build(CONFIGS["llama"]()).to(torch.bfloat16)
    expected = logits(model, tokens(9))
    with SparseAttention(EVERYTHING).on(model, prefix_length=4):
        got = logits(model, tokens(9))
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), expected.float(), atol=0.1, rtol=0.1)
