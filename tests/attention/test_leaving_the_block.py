"""Streams, threads, interruptions and kinds of models: the block of ``on`` leaves everything as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from tiny_models import ALTERNATE, COMMON, CONFIGS, build, generate, logits, tokens
from transformers import TextIteratorStreamer, TextStreamer
from transformers.generation.streamers import BaseStreamer

from sparse_hub_core import ModelError, SparseAttention, get_masker_config, get_model

Sink, Local = get_masker_config("sink"), get_masker_config("local")
EVERYTHING = [Sink(sink_size=1.0)]
LITTLE = [Sink(sink_size=1), Local(window_size=2), get_masker_config("oracle_top_k")(heavy_size=2)]
REMEMBERING = [Sink(sink_size=1), get_masker_config("magic_pig")(lsh_k=2, lsh_l=8)]
GREEDY: dict[str, Any] = {"do_sample": False, "pad_token_id": 0}


@pytest.fixture(scope="module")
def llama() -> Any:
    return build(CONFIGS["llama"]())


@pytest.fixture(scope="module")
def demo() -> Any:
    return get_model("demo", "cpu")


def test_streamed_tokens_are_the_answer(demo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = demo.tokenizer("The special magic number for", return_tensors="pt")
    how = GREEDY | {"max_new_tokens": 6}
    with SparseAttention(LITTLE).on(demo.model):
        ids = demo.model.generate(**inputs, **how)[0, inputs.input_ids.shape[1] :]
        text = demo.tokenizer.decode(ids)
        demo.model.generate(**inputs, streamer=TextStreamer(demo.tokenizer, skip_prompt=True), **how)
        assert capsys.readouterr().out == text + "\n"
        streamer = TextIteratorStreamer(demo.tokenizer, skip_prompt=True, timeout=60)
        thread = threading.Thread(target=demo.model.generate, kwargs={**inputs, **how, "streamer": streamer})
        thread.start()
        assert "".join(streamer) == text
        thread.join()


class Failing(BaseStreamer):
    """Interrupts the generation at its third token."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.count = error, 0

    def put(self, value: torch.Tensor) -> None:
        self.count += 1
        if self.count == 4:
            raise self.error

    def end(self) -> None: ...


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a callback")], ids=["interrupt", "error"])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_generation_that_is_cut_off_leaves_the_model_as_it_was(implementation: str, error: BaseException) -> None:
    model = build(CONFIGS["qwen3"](), implementation)
    before, attributes = logits(model, tokens(9)), state_of(model)
    with pytest.raises(type(error)), SparseAttention(LITTLE).on(model):
        model.generate(tokens(9), streamer=Failing(error), max_new_tokens=6, **GREEDY)
    assert state_of(model) == attributes
    assert torch.equal(logits(model, tokens(9)), before)


def test_a_block_that_cannot_begin_leaves_the_model_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(CONFIGS["llama"]())
    attributes = state_of(model)

    def refuse(implementation: str) -> None:
        raise KeyboardInterrupt

    model.set_attn_implementation = refuse
    with pytest.raises(KeyboardInterrupt), SparseAttention(LITTLE).on(model):
        pass
    del model.set_attn_implementation
    assert state_of(model) == attributes


def state_of(model: Any) -> list[Any]:
    """Everything that attaching could leave behind."""
    return [
        (name, sorted(vars(module)), len(module._forward_pre_hooks), len(module._forward_pre_hooks_with_kwargs))
        + ((module.config._attn_implementation,) if hasattr(module, "config") else ())
        for name, module in model.named_modules()
    ]


@pytest.fixture(params=["eager", "sdpa", {"text_config": "sdpa", "vision_config": "eager"}], ids=str)
def seeing(request: pytest.FixtureRequest) -> Any:
    """A model that reads images too."""
    text = {**COMMON, "head_dim": 8, "sliding_window": 6, "query_pre_attn_scalar": 8, "layer_types": ALTERNATE}
    sizes = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")
    config = transformers.Gemma3Config(
        text_config=text,
        vision_config=dict(zip(sizes, (16, 16, 2, 2, 8, 4), strict=True)),
        mm_tokens_per_image=4,
        image_token_index=5,
        boi_token_index=6,
        eoi_token_index=7,
    )
    torch.manual_seed(0)
    model = transformers.Gemma3ForConditionalGeneration(config).eval()
    model.set_attn_implementation(request.param)
    return model


def test_only_the_text_part_of_a_model_that_sees_is_sparse(seeing: Any) -> None:
    ids = tokens(14).where(tokens(14) > 7, 9)
    ids[0, 2:8] = torch.tensor([6, 5, 5, 5, 5, 7])
    image = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    how = {"pixel_values": image, "token_type_ids": (ids == 5).long()}
    before, attributes = generate(seeing, ids, **how)[1], state_of(seeing)
    with SparseAttention(EVERYTHING).on(seeing):
        assert seeing.model.vision_tower.config._attn_implementation != "sparse_hub"
        torch.testing.assert_close(generate(seeing, ids, **how)[1], before, atol=2e-4, rtol=1e-4)
    with SparseAttention(LITTLE).on(seeing):
        assert not torch.allclose(generate(seeing, ids, **how)[1], before)
    assert state_of(seeing) == attributes
    assert torch.equal(generate(seeing, ids, **how)[1], before)


SMALL_BART: dict[str, Any] = {
    **{f"{part}_layers": 1 for part in ("encoder", "decoder")},
    **{f"{part}_attention_heads": 4 for part in ("encoder", "decoder")},
    **{f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")},
}
OTHERS: dict[str, Callable[[], Any]] = {
    "encoder and decoder": lambda: transformers.BartForConditionalGeneration(
        transformers.BartConfig(vocab_size=64, d_model=32, max_position_embeddings=64, **SMALL_BART)
    ),
    "encoder": lambda: transformers.BertModel(
        transformers.BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=4)
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_model_that_reads_ahead_is_refused(kind: str) -> None:
    model = OTHERS[kind]()
    with pytest.raises(ModelError, match="decoder-only"), SparseAttention(LITTLE).on(model):
        pass


@pytest.mark.parametrize("same_attention", [True, False])
def test_two_models_run_at_once_in_two_threads(same_attention: bool) -> None:
    models = [build(CONFIGS[name]()) for name in ("llama", "qwen3")]
    shared = SparseAttention(REMEMBERING)
    attentions = [shared, shared if same_attention else SparseAttention(REMEMBERING)]
    alone = []
    for model, attention in zip(models, attentions, strict=True):
        with attention.on(model):
            alone.append(generate(model, tokens(15), max_new_tokens=12)[1])
    got: dict[int, torch.Tensor] = {}

    def work(number: int) -> None:
        with attentions[number].on(models[number]):
            got[number] = generate(models[number], tokens(15), max_new_tokens=12)[1]

    in_threads(work)
    assert all(torch.equal(got[number], alone[number]) for number in range(2))


def test_one_model_answers_in_two_threads_at_once(llama: Any) -> None:
    with SparseAttention(REMEMBERING).on(llama):
        alone = [generate(llama, tokens(15, seed), max_new_tokens=12)[1] for seed in range(2)]
        got: dict[int, torch.Tensor] = {}

        def work(number: int) -> None:
            got[number] = generate(llama, tokens(15, number), max_new_tokens=12)[1]

        in_threads(work)
    assert all(torch.equal(got[number], alone[number]) for number in range(2))


def in_threads(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
