"""The training-time forward pass: `LlamaForCausalLM` with attention that knows about prefix and questions.

The prefix part is plainly causal and only the few question rows need a mask. Telling the two apart halves the
time of a training step on a CPU; `train.evaluate` runs through the same code, and `measure` checks the result
with `generate`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from sparse_hub_benchmarks_builtin.demo_model_training.batch import Batch, collate
from sparse_hub_benchmarks_builtin.demo_model_training.data import Generator

# The backward pass of bfloat16 SDPA is slow at short lengths, and written-out attention is slow at long ones.
_WRITTEN_OUT_BELOW = 420


def _attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None,
    written_out: bool,
) -> torch.Tensor:
    """Grouped attention; without a mask it is causal (and queries and keys are then the same positions)."""
    batch, heads, rows, size = queries.shape
    groups, columns = keys.shape[1:3]
    if not written_out:
        keys, values = (x.repeat_interleave(heads // groups, 1) for x in (keys, values))
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=mask is None)
    if mask is None:
        mask = torch.full((rows, columns), -1e9, dtype=queries.dtype).triu(1)[None, None]
    folded = (queries * size**-0.5).reshape(batch, groups, -1, size)
    scores = (folded @ keys.transpose(2, 3)).view(batch, groups, heads // groups, rows, columns) + mask[:, None]
    shares = F.softmax(scores, dim=-1, dtype=scores.dtype)
    return (shares.view(batch, groups, -1, columns) @ values).view(batch, heads, rows, size)


def _hidden_states(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    decoder, config = model.model, model.config
    hidden = decoder.embed_tokens(batch.tokens)
    rotation = decoder.rotary_emb(hidden, batch.positions)
    shape = (*batch.tokens.shape, -1, config.head_dim)
    split, written_out = batch.prefix_length, batch.tokens.shape[1] <= _WRITTEN_OUT_BELOW
    mask = torch.zeros(batch.mask.shape, dtype=torch.bfloat16).masked_fill_(~batch.mask, -1e9)
    for layer in decoder.layers:
        normed, part = layer.input_layernorm(hidden), layer.self_attn
        queries, keys, values = (
            projection(normed).view(shape).transpose(1, 2) for projection in (part.q_proj, part.k_proj, part.v_proj)
        )
        queries, keys = (x.to(values.dtype) for x in apply_rotary_pos_emb(queries, keys, *rotation))
        mixed = _attend(queries[:, :, :split], keys[:, :, :split], values[:, :, :split], None, written_out)
        if mask.shape[2]:
            mixed = torch.cat([mixed, _attend(queries[:, :, split:], keys, values, mask, written_out)], dim=2)
        hidden = hidden + part.o_proj(mixed.transpose(1, 2).flatten(2))
        hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    final: torch.Tensor = decoder.norm(hidden)
    return final


def target_logits(model: LlamaForCausalLM, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Runs the model and returns logits only where there is loss.

    Args:
        model: The model.
        batch: Training or evaluation samples.

    Returns:
        Logits, target ids and weights of the weighted positions.
    """
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = _hidden_states(model, batch)
        # The target of column t stands in column t + 1; the first token of a block has no weight, so no
        # target is taken from another block.
        chosen = batch.weights[:, 1:] > 0
        logits = model.lm_head(hidden[:, :-1][chosen])
    return logits.float(), batch.tokens[:, 1:][chosen], batch.weights[:, 1:][chosen]


@torch.no_grad()
def evaluate(model: LlamaForCausalLM, generator: Generator, task: str, length: int, count: int) -> tuple[float, float]:
    """Measures a task with forced answers (equal to greedy decoding wherever all answer tokens are right).

    Args:
        model: The model.
        generator: A generator with a seed of its own.
        task: Name of the task.
        length: Prefix length.
        count: How many sequences.

    Returns:
        Share of right first answer tokens and share of completely right answers.
    """
    firsts, wholes = [], []
    for _ in range(count):
        (sample,) = generator.draw({task: 1.0}, length, 1)
        sample.prefix_weights = [0.0] * len(sample.prefix)
        logits, targets, weights = target_logits(model, collate([sample], generator.pad))
        right = (logits.argmax(-1) == targets) | (weights < 1.0)
        for answer in right.view(len(sample.questions), -1):
            firsts.append(float(answer[0]))
            wholes.append(float(answer.all()))
    return sum(firsts) / len(firsts), sum(wholes) / len(wholes)
