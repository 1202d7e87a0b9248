"""Batched k-means: what it minimises, and that batching and chunks change nothing."""

from __future__ import annotations

import pytest
import torch
from sparse_hub_pqcache import k_means
from sparse_hub_pqcache.k_means import fit_centroids, nearest_centroids


def clusters(seed: int, problems: int = 3, count: int = 16, size: int = 30, width: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    centers = 4 * torch.randn(problems, count, 1, width, generator=generator)
    noise = torch.randn(problems, count, size, width, generator=generator)
    mixed = (centers + 0.3 * noise).flatten(1, 2)
    return mixed[:, torch.randperm(mixed.shape[1], generator=generator)]


def error(vectors: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    return torch.cdist(vectors.double(), centroids.double()).min(-1).values.square().mean(-1)


def test_each_iteration_lowers_the_error() -> None:
    vectors = clusters(0)
    order = torch.randperm(vectors.shape[1], generator=torch.Generator().manual_seed(1))
    errors = torch.stack([error(vectors, fit_centroids(vectors, 16, steps, order)) for steps in range(8)])
    assert (errors.diff(dim=0) <= 1e-6).all()
    assert (errors[-1] < errors[0] / 3).all()


def test_the_nearest_centroid_is_the_nearest_by_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, centroids = clusters(2), clusters(3)[:, :16]
    expected = torch.cdist(vectors.double(), centroids.double()).argmin(-1)
    assert torch.equal(nearest_centroids(vectors, centroids), expected)
    monkeypatch.setattr(k_means, "PRODUCTS_AT_ONCE", 1000)
    assert torch.equal(nearest_centroids(vectors, centroids), expected)
    assert nearest_centroids(vectors[:, :0], centroids).shape == (3, 0)


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clusters(4)
    whole = fit_centroids(vectors, 8, 5, torch.arange(vectors.shape[1]))
    monkeypatch.setattr(k_means, "PRODUCTS_AT_ONCE", 1000)
    pieces = fit_centroids(vectors, 8, 5, torch.arange(vectors.shape[1]))
    torch.testing.assert_close(whole, pieces)


def test_empty_clusters_are_given_what_is_far_from_all() -> None:
    """Of centroids that begin in one place all but one are empty, and each finds a cluster of its own."""
    places = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    vectors = places.repeat(5, 1)[None]
    order = torch.arange(20).view(5, 4).t().flatten()
    assert error(vectors, fit_centroids(vectors, 4, 0, order)).item() > 10
    assert error(vectors, fit_centroids(vectors, 4, 4, order)).item() == 0


def test_as_many_centroids_as_vectors_are_the_vectors() -> None:
    vectors = clusters(5)[:, :16]
    fitted = fit_centroids(vectors, 16, 3, torch.arange(16))
    torch.testing.assert_close(fitted, vectors)
