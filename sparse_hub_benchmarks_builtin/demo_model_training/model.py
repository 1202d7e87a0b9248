"""The untrained demo model: its architecture and where its training starts."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

# One query head of layer 0 per offset: 1 and 2 for continuing a value, 3 and 4 from a needle's value back to
# its key, 6 and 7 from the answer slot back to the key in the answer prefix.
HEAD_OFFSETS = (1, 3, 6, 2, 4, 7)
ROTATING_PAIRS = 9
_PAIRED_HEADS = ((1, 2), (4, 5))
_OFFSET_AMPLITUDES = (6.0, 5.0, 4.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0)
# The embeddings must not be drowned by what Muon lets layer 0 write: with the usual 0.02 they were, and no
# head could ask for its own token in 950 steps; with 1.0 that takes 150. The small final norm keeps the first
# logits small.
_EMBEDDING_STD, _FINAL_NORM = 1.0, 0.06


def build_model(vocabulary: int, ids: tuple[int, int, int]) -> LlamaForCausalLM:
    """Makes the untrained model.

    Args:
        vocabulary: Number of tokens.
        ids: The BOS, EOS and PAD ids.

    Returns:
        The model, with layer 0 looking at `HEAD_OFFSETS`.
    """
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=168,
        intermediate_size=320,
        num_hidden_layers=4,
        num_attention_heads=len(HEAD_OFFSETS),
        num_key_value_heads=2,
        head_dim=32,
        attention_bias=True,
        tie_word_embeddings=True,
        max_position_embeddings=8192,
        # Nine of sixteen pairs rotate and the others hardly move: lookups by content then reach beyond the
        # trained length.
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 1e9,
            "low_freq_factor": 1.0,
            "high_freq_factor": 1.001,
            "original_max_position_embeddings": 700,
        },
        bos_token_id=ids[0],
        eos_token_id=ids[1],
        pad_token_id=ids[2],
    )
    model = LlamaForCausalLM(config)
    _point_heads_back(model)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=_EMBEDDING_STD)
    torch.nn.init.constant_(model.model.norm.weight, _FINAL_NORM)
    return model


@torch.no_grad()
def _point_heads_back(model: LlamaForCausalLM) -> None:
    """Sets the query and key biases of layer 0 so that head i attends `HEAD_OFFSETS[i]` tokens back."""
    config, attention = model.config, model.model.layers[0].self_attn
    frequencies = model.model.rotary_emb.inv_freq[:ROTATING_PAIRS]
    amplitudes = torch.tensor(_OFFSET_AMPLITUDES)
    half = config.head_dim // 2
    keys = attention.k_proj.bias.view(config.num_key_value_heads, 2, half)
    queries = attention.q_proj.bias.view(config.num_attention_heads, 2, half)
    keys[:, 0, :ROTATING_PAIRS] = amplitudes
    for head, offset in enumerate(HEAD_OFFSETS):
        queries[head, 0, :ROTATING_PAIRS] = amplitudes * torch.cos(offset * frequencies)
        queries[head, 1, :ROTATING_PAIRS] = -amplitudes * torch.sin(offset * frequencies)
    # A key word is seen 3 or 4 tokens before a value and 6 or 7 before the answer slot. If both heads of a pair write
    # it into the same directions and later queries and keys start out alike, the two places match from the first
    # step on, and training leaves the plateau on which every needle is equally likely.
    size = config.head_dim
    for near, far in _PAIRED_HEADS:
        written = attention.o_proj.weight[:, near * size : (near + 1) * size]
        attention.o_proj.weight[:, far * size : (far + 1) * size] = written
    for layer in model.model.layers[1:]:
        keys_weight = layer.self_attn.k_proj.weight.view(config.num_key_value_heads, 1, size, -1)
        queries_weight = layer.self_attn.q_proj.weight.view(config.num_key_value_heads, -1, size, config.hidden_size)
        queries_weight.copy_(keys_weight.expand_as(queries_weight))
