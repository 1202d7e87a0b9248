"""Many k-means at once: one per sequence, KV head and subvector, in batched products that never hold all distances."""

from __future__ import annotations

from collections.abc import Iterator

import torch

PRODUCTS_AT_ONCE = 1 << 20
"""Products of vectors with centroids that are held at a time."""


def fit_centroids(vectors: torch.Tensor, count: int, iterations: int, order: torch.Tensor) -> torch.Tensor:
    """Return centroids that lower the squared distance of each vector to its nearest one.

    Args:
        vectors: ``(H, n, w)`` float32, H problems of their own, n at least ``count``.
        count: Centroids per problem.
        iterations: Of Lloyd's algorithm; none leaves the vectors that it begins with.
        order: ``(n,)`` a permutation; the first ``count`` vectors in it are the first centroids.

    Returns:
        ``(H, count, w)``.
    """
    centroids = vectors[:, order[:count]]
    for _ in range(iterations):
        centroids = _improved(vectors, centroids)
    return centroids


def nearest_centroids(vectors: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    """Return which of ``(H, K, w)`` centroids is nearest to each of ``(H, n, w)`` vectors, ``(H, n)``."""
    found = [nearest for _, _, nearest in _nearness(vectors, centroids)]
    return torch.cat(found, dim=1) if found else vectors.new_empty(vectors.shape[:2], dtype=torch.long)


def _improved(vectors: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    """Move each centroid to the mean of its vectors, or to a vector that is far from all if it has none."""
    problems, count, width = centroids.shape
    sums, sizes = torch.zeros_like(centroids), vectors.new_zeros(problems, count, 1)
    distances = []
    for places, nearness, nearest in _nearness(vectors, centroids):
        piece = vectors[:, places]
        # A product with the assignments adds in the same order on every run, which atomic additions on a GPU do not.
        assigned = torch.zeros(*nearest.shape, count, device=vectors.device).scatter_(2, nearest[..., None], 1.0)
        sums.baddbmm_(assigned.transpose(1, 2), piece)
        sizes += assigned.sum(1)[..., None]
        distances.append(piece.square().sum(-1) - 2 * nearness)
    empty = sizes == 0
    farthest = torch.cat(distances, dim=1).topk(count, dim=1).indices
    which = farthest.gather(1, (empty[..., 0].cumsum(1) - 1).clamp_min(0))
    spare = vectors.gather(1, which[..., None].expand(-1, -1, width))
    return torch.where(empty, spare, sums / sizes.clamp_min(1))


def _nearness(vectors: torch.Tensor, centroids: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Yield which vectors, how near their nearest centroid is (x.c - |c|^2 / 2), and which one it is."""
    half_squares = centroids.square().sum(-1)[:, None] / 2
    step = max(1, PRODUCTS_AT_ONCE // (centroids.shape[0] * centroids.shape[1]))
    for start in range(0, vectors.shape[1], step):
        places = slice(start, start + step)
        products = torch.baddbmm(half_squares, vectors[:, places], centroids.transpose(1, 2), beta=-1)
        yield places, *products.max(-1)
