"""Hash functions as an official training leaves them, and files of them."""

from __future__ import annotations

from pathlib import Path

import torch
from sparse_hub_hashattention.hash_functions import HashFunctions, Mlp
from sparse_hub_hashattention.weight_writing import write_weights
from torch import nn

HEAD_DIM, HIDDEN, BITS = 16, 12, 32


def modules(seed: int, heads: int) -> nn.ModuleList:
    """Return an MLP of torch's own per head."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.ModuleList(
            nn.Sequential(
                nn.Linear(HEAD_DIM, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, BITS)
            )
            for _ in range(heads)
        )


def signs(functions: nn.ModuleList, vectors: torch.Tensor) -> torch.Tensor:
    """Hash ``(B, H, n, d)`` to signs, head by head."""
    with torch.no_grad():
        return torch.stack([function(vectors[:, head]) for head, function in enumerate(functions)], dim=1).sign()


def mlp(functions: nn.ModuleList) -> Mlp:
    """Return the same functions as they are kept in files."""
    maps = [[module for module in function if isinstance(module, nn.Linear)] for function in functions]
    weights = tuple(torch.stack([part.weight.detach().t() for part in parts]) for parts in zip(*maps, strict=True))
    biases = tuple(torch.stack([part.bias.detach()[None] for part in parts]) for parts in zip(*maps, strict=True))
    return Mlp(weights, biases)


def write(path: Path, key_heads: int = 2, seed: int = 0, layers: tuple[int, ...] = (0, 3)) -> Path:
    """Write functions of four query heads and two KV heads."""
    functions = {
        layer: HashFunctions(mlp(modules(seed + layer, 4)), mlp(modules(seed + layer + 100, key_heads)))
        for layer in layers
    }
    write_weights(path, functions, 2, {"model": "test"})
    return path
