"""Tiny random transformers models of several families, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, PretrainedConfig

COMMON: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
}
ALTERNATE = ["sliding_attention", "full_attention"] * 2
CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: transformers.LlamaConfig(**COMMON),
    "mistral": lambda: transformers.MistralConfig(**COMMON, sliding_window=None),
    "qwen2": lambda: transformers.Qwen2Config(**COMMON),
    "qwen2_sliding": lambda: transformers.Qwen2Config(
        **COMMON, use_sliding_window=True, sliding_window=6, max_window_layers=2
    ),
    "qwen3": lambda: transformers.Qwen3Config(**COMMON, head_dim=16),
    "phi3": lambda: transformers.Phi3Config(**COMMON, sliding_window=None),
    "gemma2": lambda: transformers.Gemma2Config(
        **COMMON, head_dim=8, sliding_window=6, query_pre_attn_scalar=8, attn_logit_softcapping=0.5
    ),
    "gemma3": lambda: transformers.Gemma3TextConfig(
        **COMMON, head_dim=8, sliding_window=6, query_pre_attn_scalar=8, layer_types=ALTERNATE
    ),
    "gpt_oss": lambda: transformers.GptOssConfig(
        **COMMON, head_dim=8, sliding_window=6, num_local_experts=2, num_experts_per_tok=1, layer_types=ALTERNATE
    ),
    "llama4": lambda: transformers.Llama4TextConfig(
        **COMMON, head_dim=8, attention_chunk_size=6, num_local_experts=2, intermediate_size_mlp=48
    ),
}


def build(config: PretrainedConfig, implementation: str = "eager") -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=implementation).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Sharper than a fresh model, so that what attention reads matters.
            if name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight", "qkv_proj.weight", "o_proj.weight")):
                parameter.mul_(12)
            if name.endswith("sinks"):
                parameter.normal_()
    return model


def tokens(length: int, seed: int = 0, batch: int = 1) -> torch.Tensor:
    return torch.randint(1, 64, (batch, length), generator=torch.Generator().manual_seed(seed))


def generate(
    model: Any, ids: torch.Tensor, mask: torch.Tensor | None = None, **how: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """The new tokens ``(B, n)`` and the logits they were chosen by ``(B, n, V)``."""
    mask = torch.ones_like(ids) if mask is None else mask
    how = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0} | how
    result = model.generate(ids, attention_mask=mask, output_logits=True, return_dict_in_generate=True, **how)
    return result.sequences[:, ids.shape[1] :], torch.stack(result.logits, dim=1)


def logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model(ids, use_cache=True).logits
