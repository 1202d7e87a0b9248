"""The shapes that attention takes."""

from __future__ import annotations

import torch

from sparse_hub_core.errors import UsageError


def check_shapes(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, attention_mask: torch.Tensor | None
) -> None:
    """Check that the tensors fit together.

    Raises:
        UsageError: They do not.
    """
    shapes = f"queries {tuple(queries.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)}"
    if queries.ndim != 4 or keys.ndim != 4 or values.ndim != 4:
        raise UsageError(f"Attention takes (B, H, L, d) tensors, got {shapes}.")
    same = (
        queries.shape[0] == keys.shape[0] and queries.shape[3] == keys.shape[3] and keys.shape[:3] == values.shape[:3]
    )
    if not same or queries.shape[1] % keys.shape[1] or not 1 <= queries.shape[2] <= keys.shape[2]:
        raise UsageError(
            f"Attention needs equal batches and head dimensions, query heads a multiple of KV heads, and at least "
            f"one query and as many keys; got {shapes}."
        )
    if attention_mask is None:
        return
    fits = attention_mask.ndim == 4 and attention_mask.shape[1:] == (1, queries.shape[2], keys.shape[2])
    readable = attention_mask.dtype == torch.bool or attention_mask.is_floating_point()
    if not fits or attention_mask.shape[0] not in (1, queries.shape[0]) or not readable:
        raise UsageError(
            f"The attention mask must be ({queries.shape[0]}, 1, {queries.shape[2]}, {keys.shape[2]}), boolean or "
            f"additive; got {attention_mask.dtype} {tuple(attention_mask.shape)}."
        )
