"""A found configuration in one's own code: whatever ``generate`` does with a model and its cache."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest
import torch
import transformers
from tiny_models import COMMON, CONFIGS, build, generate, tokens
from transformers import DynamicCache, set_seed

from sparse_hub_core import ModelError, SparseAttention, UsageError, get_masker_config

Sink, Local = get_masker_config("sink"), get_masker_config("local")
EVERYTHING = [Sink(sink_size=1.0)]
LITTLE = [Sink(sink_size=1), Local(window_size=2), get_masker_config("oracle_top_k")(heavy_size=2)]
KEYS_ONLY = {
    "top_k": LITTLE,
    "quest": [Sink(sink_size=1), Local(window_size=2), get_masker_config("quest")(page_size=4, heavy_size=4)],
    "magic_pig": [Sink(sink_size=1), get_masker_config("magic_pig")(lsh_k=2, lsh_l=8)],
    "double_sparsity": [Local(window_size=2), get_masker_config("double_sparsity")(heavy_size=3)],
    "snap_kv": [Local(window_size=2), get_masker_config("snap_kv")(heavy_size=3, window_size=4)],
}
"""Stacks that remember nothing of the queries after the prefix."""
GREEDY: dict[str, Any] = {"do_sample": False, "pad_token_id": 0}


@pytest.fixture(scope="module")
def llama() -> Any:
    return build(CONFIGS["llama"]())


def after(model: Any, ids: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
    """The logits of tokens fed one by one after what a cache holds."""
    with torch.inference_mode():
        rows = [model(token[None], past_key_values=cache).logits for token in ids.T]
    return torch.cat(rows, dim=1)


def filled(model: Any, ids: torch.Tensor) -> DynamicCache:
    cache = DynamicCache(config=model.config)
    with torch.inference_mode():
        model(ids, past_key_values=cache)
    return cache


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt_oss"])
def test_sampling_with_several_answers_draws_as_the_untouched_model_does(family: str) -> None:
    model, how = build(CONFIGS[family]()), {"do_sample": True, "num_return_sequences": 3, "max_new_tokens": 6}
    answers = []
    for stack in (None, EVERYTHING, LITTLE):
        set_seed(5)
        if stack is None:
            answers.append(model.generate(tokens(19), pad_token_id=0, **how))
        else:
            with SparseAttention(stack).on(model):
                answers.append(model.generate(tokens(19), pad_token_id=0, **how))
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])


OTHER_FAMILIES = ("phi3", "qwen2_sliding", "gemma3", "gpt_oss")


@pytest.mark.parametrize(
    ("family", "name", "padding"),
    [("llama", name, padding) for name in KEYS_ONLY for padding in (0, 5)] + [(f, "top_k", 5) for f in OTHER_FAMILIES],
)
def test_each_beam_has_the_score_that_it_has_alone(family: str, name: str, padding: int) -> None:
    model = build(CONFIGS[family]())
    ids, mask = tokens(19, batch=2), torch.ones(2, 19, dtype=torch.long)
    ids[1, :padding], mask[1, :padding] = 0, 0
    attention = SparseAttention(KEYS_ONLY[name])
    with attention.on(model):
        found = model.generate(
            ids,
            attention_mask=mask,
            num_beams=3,
            max_new_tokens=7,
            length_penalty=0.0,
            return_dict_in_generate=True,
            output_scores=True,
            **GREEDY,
        )
        for row, start in enumerate((0, padding)):
            answer = found.sequences[row : row + 1, 19:]
            cache = DynamicCache(config=model.config)
            with torch.inference_mode():
                first = model(ids[row : row + 1, start:], past_key_values=cache).logits[:, -1:]
            rows = torch.cat([first, after(model, answer[:, :-1], cache)], dim=1).log_softmax(-1)
            alone = rows.gather(-1, answer[..., None]).sum()
            torch.testing.assert_close(found.sequences_scores[row], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", KEYS_ONLY)
@pytest.mark.parametrize("how", ["assistant", "prompt_lookup"])
def test_guessed_tokens_change_nothing_of_what_is_said(llama: Any, name: str, how: str) -> None:
    """Guesses that were wrong are cropped from the cache."""
    small = build(transformers.LlamaConfig(**(COMMON | {"num_hidden_layers": 1})))
    guessing = {"assistant_model": small} if how == "assistant" else {"prompt_lookup_num_tokens": 3}
    with SparseAttention(KEYS_ONLY[name]).on(llama, prefix_length=19):
        plain = llama.generate(tokens(19), max_new_tokens=10, **GREEDY)
        assert torch.equal(llama.generate(tokens(19), max_new_tokens=10, **guessing, **GREEDY), plain)


def test_a_prompt_read_in_chunks_is_dense_up_to_the_prefix_length(llama: Any) -> None:
    with SparseAttention(LITTLE).on(llama):
        whole = generate(llama, tokens(19))[1]
    with SparseAttention(LITTLE).on(llama, prefix_length=19):
        chunked = generate(llama, tokens(19), prefill_chunk_size=6)[1]
    torch.testing.assert_close(chunked, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", KEYS_ONLY)
def test_a_cache_that_was_filled_outside_is_the_prefix(llama: Any, name: str) -> None:
    ids = tokens(24)
    attention, cache = SparseAttention(KEYS_ONLY[name]), filled(llama, ids[:, :20])
    with attention.on(llama, prefix_length=20):
        expected = generate(llama, ids, past_key_values=copy.deepcopy(cache), max_new_tokens=6)[1]
    with attention.on(llama):
        got = generate(llama, ids, past_key_values=cache, max_new_tokens=6)[1]
        inside = generate(llama, ids, past_key_values=filled(llama, ids[:, :20]), max_new_tokens=6)[1]
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    # Only inside the block the prefix's own queries are seen, by which this one chooses.
    assert torch.allclose(inside, expected, atol=1e-5, rtol=1e-5) == (name != "snap_kv")


@pytest.mark.parametrize("name", KEYS_ONLY)
def test_caches_of_the_same_length_do_not_mix(llama: Any, name: str) -> None:
    """The second cache holds as many keys as the first after its answer, and the same last tokens."""
    attention, ids, other = SparseAttention(KEYS_ONLY[name]), tokens(12, 1), tokens(8, 2)
    second = torch.cat([other, ids[:, :4]], dim=1)
    first, second_cache = filled(llama, tokens(8, 3)), filled(llama, second)
    with attention.on(llama):
        alone = after(llama, ids[:, 4:], copy.deepcopy(second_cache))
    with attention.on(llama):
        after(llama, ids[:, :4], first)
        assert torch.equal(after(llama, ids[:, 4:], second_cache), alone)


def test_two_conversations_in_turn_are_what_each_is_alone(llama: Any) -> None:
    attention = SparseAttention(KEYS_ONLY["magic_pig"])

    def talk(*numbers: int) -> dict[int, torch.Tensor]:
        caches = {number: filled(llama, tokens(10 + number, number)) for number in numbers}
        said: dict[int, list[torch.Tensor]] = {number: [] for number in numbers}
        with attention.on(llama):
            for turn in range(3):
                for number in numbers:
                    said[number].append(after(llama, tokens(3, 10 * number + turn), caches[number]))
        return {number: torch.cat(parts, dim=1) for number, parts in said.items()}

    together = talk(1, 2)
    for number in (1, 2):
        assert torch.equal(together[number], talk(number)[number])


@pytest.mark.parametrize("name", KEYS_ONLY)
@pytest.mark.parametrize("refill", [False, True])
def test_a_cropped_cache_answers_a_second_question_as_if_it_were_the_first(llama: Any, name: str, refill: bool) -> None:
    attention, context, second = SparseAttention(KEYS_ONLY[name]), tokens(16), tokens(5, 2)
    with attention.on(llama):
        alone = after(llama, second, filled(llama, context))
        cache = filled(llama, context)
        after(llama, tokens(7, 1), cache)
        if refill:
            # The same tokens again, so that only what came before them tells the two apart.
            cache.crop(-7)
            after(llama, tokens(5, 3), cache)
            cache.crop(-5)
        else:
            cache.crop(-7)
        torch.testing.assert_close(after(llama, second, cache), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rows", [[0, 2], [2], [2, 2, 0, 1]])
@pytest.mark.parametrize("name", KEYS_ONLY)
def test_rows_that_stay_in_a_cache_go_on_as_if_no_other_had_been_dropped(
    llama: Any, name: str, rows: list[int]
) -> None:
    """Two rows have the same padding, so only their content tells them apart."""
    ids, follow = tokens(19, batch=3), tokens(6, 7, batch=3)
    mask = torch.ones(3, 25, dtype=torch.long)
    ids[1:, :2], mask[1:, :2] = 0, 0

    def last_logits(kept: list[int]) -> torch.Tensor:
        cache = DynamicCache(config=llama.config)
        with SparseAttention(KEYS_ONLY[name]).on(llama), torch.inference_mode():
            llama(ids, attention_mask=mask[:, :19], past_key_values=cache)
            for step in range(6):
                if step == 3:
                    cache.batch_select_indices(torch.tensor(kept))
                at = kept if step >= 3 else [0, 1, 2]
                seen, place = mask[at, : 20 + step], mask[at, : 19 + step].sum(1, keepdim=True)
                said = llama(
                    follow[at, step : step + 1], attention_mask=seen, past_key_values=cache, position_ids=place
                )
        return said.logits

    found, expected = last_logits(rows), last_logits([0, 1, 2])[rows]
    # The queries of the prefix, by which this one chooses, cannot be told apart any more.
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4) == (name != "snap_kv")


def test_an_emptied_cache_begins_anew(llama: Any) -> None:
    with SparseAttention(LITTLE).on(llama):
        alone = after(llama, tokens(4, 3), filled(llama, tokens(9, 2)))
        cache = filled(llama, tokens(9, 1))
        cache.reset()
        llama(tokens(9, 2), past_key_values=cache)
        assert torch.equal(after(llama, tokens(4, 3), cache), alone)


@pytest.mark.parametrize("family", ["llama", "gemma3", "phi3"])
def test_a_chat_over_one_cache_goes_on_where_it_was(family: str) -> None:
    """Later turns and answers are sparse; the first prompt stays the prefix."""
    model = build(CONFIGS[family]())
    attention, prompt = SparseAttention(LITTLE), tokens(12)
    cache, ids = DynamicCache(config=model.config), prompt
    with attention.on(model):
        for turn in range(3):
            ids = torch.cat([ids, tokens(4, turn)], dim=1) if turn else ids
            ids = model.generate(ids, past_key_values=cache, max_new_tokens=4, **GREEDY)
        spoken = after(model, ids[:, 12:], filled(model, prompt)).argmax(-1)
    answers = [ids[:, 12 + 8 * turn : 16 + 8 * turn] for turn in range(3)]
    for turn, answer in enumerate(answers):
        start = 8 * turn
        assert torch.equal(spoken[:, start : start + 3], answer[:, 1:])


def test_what_is_remembered_goes_with_the_cache(llama: Any) -> None:
    attention = SparseAttention(LITTLE)
    with attention.on(llama):
        attachment = llama.model.layers[0].self_attn.sparse_hub_attachment
        for seed in range(3):
            generate(llama, tokens(9, seed))
        gc.collect()
        assert len(attachment._sequences) == 0
    assert attention._sequences == {}


def test_without_a_cache_nothing_would_be_sparse(llama: Any) -> None:
    with SparseAttention(LITTLE).on(llama), pytest.raises(ModelError, match="Without a cache"):
        generate(llama, tokens(9), use_cache=False)
    with SparseAttention(LITTLE).on(llama):
        expected = generate(llama, tokens(9))
    with SparseAttention(LITTLE).on(llama, prefix_length=9):
        torch.testing.assert_close(generate(llama, tokens(9), use_cache=False)[1], expected[1], atol=1e-4, rtol=1e-4)


def test_a_prefix_of_less_than_nothing_is_refused(llama: Any) -> None:
    with pytest.raises(UsageError, match="cannot have -1 tokens"), SparseAttention(LITTLE).on(llama, prefix_length=-1):
        pass


@pytest.mark.parametrize("rows", [1, 2])
def test_padding_on_the_right_is_refused(llama: Any, rows: int) -> None:
    ids, mask = tokens(12, batch=rows), torch.ones(rows, 12, dtype=torch.long)
    ids[-1, 8:], mask[-1, 8:] = 0, 0
    with SparseAttention(LITTLE).on(llama), pytest.raises(ModelError, match="padding_side"):
        llama(ids, attention_mask=mask)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_a_full_budget_are_those_of_the_untouched_model(training: bool) -> None:
    model, ids = build(CONFIGS["llama"]()).train(training), tokens(15)

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        model(ids, labels=ids).loss.backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    expected = gradients()
    with SparseAttention(EVERYTHING).on(model, prefix_length=4):
        torch.testing.assert_close(gradients(), expected, atol=1e-5, rtol=1e-4)
    for stack in KEYS_ONLY.values():
        with SparseAttention(stack).on(model, prefix_length=4):
            got = gradients()
        assert all(bool(gradient.isfinite().all()) for gradient in got)
        assert not all(torch.allclose(g, e) for g, e in zip(got, expected, strict=True))


def test_the_repr_of_a_result_is_short() -> None:
    tensor = torch.randn(2, 4, 300, 8)
    text = repr(SparseAttention(LITTLE)(tensor, tensor, tensor))
    assert text == "AttentionResult(output=(2, 4, 300, 8), keys=300, density=3.3%, io_density=53.3%)"
