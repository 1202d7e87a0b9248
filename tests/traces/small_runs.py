"""Small models, requests and stacks that traces are recorded and replayed with."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

from sparse_hub_core import Benchmark, Question, Request, get_masker_config
from sparse_hub_core.evaluation import PreparedRequest
from sparse_hub_core.models.prompt import render_prompts
from sparse_hub_core.models.snapshot import ModelFiles
from sparse_hub_core.models.tensor_store import TensorStore
from sparse_hub_core.traces.measure import Traced
from sparse_hub_core.traces.plan import ModelShape, all_layers
from tests.models.conftest import SHAPE

NEW_TOKENS = 6


def make_llama(num_layers):
    torch.manual_seed(0)
    # Without an end token every answer is as long as it may be.
    config = LlamaConfig(**SHAPE, num_hidden_layers=num_layers, bos_token_id=0, eos_token_id=None)
    return LlamaForCausalLM(config).eval()


def make_gemma2():
    """Soft-capped logits, and a sliding window in every other layer."""
    torch.manual_seed(0)
    config = Gemma2Config(
        **SHAPE,
        num_hidden_layers=4,
        sliding_window=16,
        query_pre_attn_scalar=8,
        attn_logit_softcapping=0.5,
        layer_types=["sliding_attention", "full_attention"] * 2,
        pad_token_id=None,
        eos_token_id=None,
    )
    return Gemma2ForCausalLM(config).eval()


class Told(Benchmark):
    """Scores how many characters were said."""

    def requests(self, subset, lengths, seed):
        yield from ()

    def score(self, prediction, question):
        return float(len(prediction))


def prepare(loaded, questions=(" Why?",), context="A short context that holds what is asked for. " * 3, limit=50):
    asked = tuple(Question(text, ("x",), max_new_tokens=limit) for text in questions)
    request = Request("r", context, asked)
    return PreparedRequest(request, render_prompts(loaded.tokenizer, request, 400))


def traced(loaded, directory, max_new_tokens=NEW_TOKENS, plan=None, model_key="m"):
    files = ModelFiles(TensorStore(directory), model_key, {"model": "tiny", "task": "t/s"})
    return Traced(loaded, files, max_new_tokens, plan or all_layers(shape_of(loaded)))


def shape_of(loaded):
    return ModelShape.of(loaded.model.config, loaded.model.dtype.itemsize)


def sink_local(sink=2, window=4):
    return [get_masker_config("sink")(sink_size=sink), get_masker_config("local")(window_size=window)]


EVERYTHING = [get_masker_config("sink")(sink_size=1.0)]
STACKS = {
    "sink_local": sink_local(),
    "oracle": [*sink_local(), get_masker_config("oracle_top_k")(heavy_size=0.1)],
    "quest": [*sink_local(), get_masker_config("quest")(heavy_size=0.2)],
    "snap_kv": [*sink_local(), get_masker_config("snap_kv")(heavy_size=9, window_size=4)],
    "random": [*sink_local(), get_masker_config("random_sampling")(sampling_rate=0.3)],
}


def layer_alone(stack, layer, others):
    """Return a stack that is sparse in one layer."""
    dense = get_masker_config("dense_layers")(first=0, also=tuple(other for other in others if other != layer))
    return [*stack, dense]


@contextmanager
def counted_forwards(loaded):
    """Collect the length of every forward of the model."""
    lengths = []
    handle = loaded.model.register_forward_pre_hook(lambda module, arguments: lengths.append(arguments[0].shape[1]))
    try:
        yield lengths
    finally:
        handle.remove()
