"""Dense attention, which sparse attention is compared with, and masks as models hand them over."""

from __future__ import annotations

import torch
from torch.nn import functional

from sparse_hub_core.attention.engine import Scoring, sparse_attention
from sparse_hub_core.attention.mask import Mask


def dense_attention(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    scoring: Scoring,
    allowed: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Attend causally to all keys; shapes as in ``sparse_attention``, returns ``(B, Hq, Lq, d)``."""
    mask = Mask.empty(queries, keys, allowed)
    square, unmasked = queries.shape[2] == keys.shape[2], allowed is None and bias is None
    plain = scoring.softcap is None and scoring.sink_logits is None
    # In float32 and where few queries meet many keys, a grouped product is several times faster than SDPA on a CPU.
    if not plain or (queries.dtype == torch.float32 and not (square and unmasked)):
        return sparse_attention(queries, keys, values, mask.with_prefix(keys.shape[2]), scoring, bias)[0]
    if square and unmasked:
        return functional.scaled_dot_product_attention(
            queries, keys, values, is_causal=True, scale=scoring.scaling, enable_gqa=True
        )
    legal = mask.legal()
    readable = legal if bias is None else torch.where(legal, bias, -torch.inf).to(queries.dtype)
    output = functional.scaled_dot_product_attention(
        queries, keys, values, attn_mask=readable, scale=scoring.scaling, enable_gqa=True
    )
    return output.masked_fill(~legal.any(-1, keepdim=True), 0.0)


def split_attention_mask(
    attention_mask: torch.Tensor | None, batch_size: int
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return what may be read, and what is to be added to the logits; None where it changes nothing."""
    if attention_mask is None:
        return None, None
    attention_mask = attention_mask.expand(batch_size, -1, -1, -1)
    if attention_mask.dtype == torch.bool:
        return attention_mask, None
    allowed = attention_mask > torch.finfo(attention_mask.dtype).min / 2
    bias = torch.where(allowed, attention_mask, 0.0)
    return allowed, bias if bool(bias.any()) else None
