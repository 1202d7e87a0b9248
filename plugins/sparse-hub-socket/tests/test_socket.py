"""SOCKET: its soft hash against a softmax over all corners, and its choice against a loop over tables and keys."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from sparse_hub_socket import socket
from sparse_hub_socket.socket import Socket, SocketConfig, soft_hash

from sparse_hub_core import ConfigError, Layer, Mask, SparseAttention, get_masker_config

HEAD_DIM = 16


def draw(
    seed: int, num_queries: int = 3, num_keys: int = 50, heads: tuple[int, int] = (4, 2), batch: int = 1
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((heads[0], num_queries), (heads[1], num_keys), (heads[1], num_keys))
    queries, keys, values = (torch.randn(batch, *shape, HEAD_DIM, generator=generator) for shape in shapes)
    return queries, keys + 0.5, values * torch.rand(batch, heads[1], num_keys, 1, generator=generator)


def read(tensors: tuple[torch.Tensor, ...], **params: Any) -> torch.Tensor:
    return SparseAttention([SocketConfig(**params)])(*tensors).mask.to_dense() > 0


def hashed(config: SocketConfig, keys: torch.Tensor, values: torch.Tensor) -> tuple[Socket, Layer]:
    masker, layer = config.create_masker(), Layer(0, keys, values, 1.0)
    masker.on_prefill(layer)
    return masker, layer


def planes_of(config: SocketConfig) -> torch.Tensor:
    """Return the planes of the first layer, ``(L, K, d)``."""
    layer = hashed(config, *draw(0)[1:])[1]
    return layer.state["planes"].double().T.reshape(config.lsh_l, config.lsh_k, HEAD_DIM)


def bucket_probability(leaning: torch.Tensor, signs: torch.Tensor, tau: float) -> float:
    """Return the softmax over all corners, at the corner of these signs."""
    corners = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=len(signs))), dtype=torch.float64)
    probabilities = torch.softmax(corners @ leaning / tau, dim=0)
    return float(probabilities[(corners == signs).all(1)].item())


def score(
    config: SocketConfig, planes: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> float:
    total = 0.0
    for table in planes:
        leaning = torch.tanh(table @ query.double()) / HEAD_DIM**0.5
        signs = torch.where(table @ key.double() >= 0, 1.0, -1.0).double()
        total += bucket_probability(leaning, signs, config.tau)
    return total * float(value.double().norm())


@pytest.mark.parametrize("tau", [0.01, 0.4, 5.0])
@pytest.mark.parametrize("lsh_k", [1, 2, 5])
def test_the_product_over_bits_is_the_softmax_over_corners(lsh_k: int, tau: float) -> None:
    leanings = torch.randn(3, 2, lsh_k, generator=torch.Generator().manual_seed(lsh_k)) / 4
    tables = soft_hash(leanings / tau)
    assert tables.shape == (2, 2**lsh_k, 3)
    for row, table, bucket in itertools.product(range(3), range(2), range(2**lsh_k)):
        signs = torch.tensor([1.0 if bucket >> bit & 1 else -1.0 for bit in range(lsh_k)], dtype=torch.float64)
        expected = bucket_probability(leanings[row, table].double(), signs, tau)
        assert tables[table, bucket, row].item() == pytest.approx(expected, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("heads", [(2, 2), (4, 2), (4, 1)])
def test_it_reads_the_keys_of_the_highest_scores(heads: tuple[int, int]) -> None:
    queries, keys, values = draw(1, num_keys=24, heads=heads, batch=2)
    config = SocketConfig(heavy_size=5, lsh_k=3, lsh_l=6)
    planes, mask, group = planes_of(config), read((queries, keys, values), **config.parameters()), heads[0] // heads[1]
    for row, head, query in itertools.product(range(2), range(heads[0]), range(3)):
        legal = range(24 - 3 + query + 1)
        scores = [
            score(
                config,
                planes,
                queries[row, head, query],
                keys[row, head // group, key],
                values[row, head // group, key],
            )
            for key in legal
        ]
        best = sorted(legal, key=lambda key: -scores[key])[:5]
        assert mask[row, head, query].nonzero()[:, 0].tolist() == sorted(best)


def test_pieces_of_keys_and_queries_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = draw(2, num_queries=9, num_keys=70)
    whole = read(tensors, heavy_size=12)
    monkeypatch.setattr(socket, "KEYS_AT_ONCE", 16)
    monkeypatch.setattr(socket, "ROWS_AT_ONCE", 7)
    assert torch.equal(read(tensors, heavy_size=12), whole)


def test_of_equal_keys_those_with_the_longest_values_are_read() -> None:
    queries, keys, values = draw(3, num_queries=1)
    keys = keys[:, :, :1].expand_as(keys)
    longest = values.norm(dim=-1).topk(7, dim=-1).indices.sort(-1).values
    chosen = read((queries, keys, values), heavy_size=7)
    for head in range(4):
        assert torch.equal(chosen[0, head, 0].nonzero()[:, 0], longest[0, head // 2])


def test_most_of_the_exact_top_keys_are_found() -> None:
    queries, keys, values = draw(4, num_queries=1, num_keys=600)
    values = values / values.norm(dim=-1, keepdim=True)
    exact = SparseAttention([get_masker_config("oracle_top_k")(heavy_size=30)])(queries * 2, keys, values)
    found = read((queries * 2, keys, values), heavy_size=30) & (exact.mask.to_dense() > 0)
    # By chance it would be one in twenty.
    assert found.sum() > 0.45 * 4 * 30


def test_what_others_read_is_not_chosen_again() -> None:
    sink, local = get_masker_config("sink")(sink_size=4), get_masker_config("local")(window_size=6)
    result = SparseAttention([sink, local, SocketConfig(heavy_size=5)])(*draw(5, num_queries=1))
    assert (result.num_read == 4 + 6 + 5).all()


@pytest.mark.parametrize("chunks", [[1] * 10, [10], [3, 7]])
def test_appended_keys_are_hashed_as_at_once_and_leave_the_old_ones(chunks: list[int]) -> None:
    _, keys, values = draw(6, num_keys=40)
    config = SocketConfig(lsh_l=8)
    masker, layer = hashed(config, keys[:, :, :30], values[:, :, :30])
    length = 30
    for chunk in chunks:
        old = layer.state["buckets"].tensor.clone()
        layer.keys, layer.values = keys[:, :, : length + chunk], values[:, :, : length + chunk]
        masker.on_append(layer, length)
        assert torch.equal(layer.state["buckets"].tensor[:, :, :length], old)
        length += chunk
    at_once = hashed(config, keys, values)[1]
    assert torch.equal(layer.state["planes"], at_once.state["planes"])
    for name in ("buckets", "norms"):
        assert torch.equal(layer.state[name].tensor, at_once.state[name].tensor)


def test_seed_and_layer_fix_the_planes_and_nothing_else_does() -> None:
    tensors = draw(7)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = read(tensors)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(read(tensors), first)
    assert not torch.equal(read(tensors, seed=1), first)
    other = SparseAttention([SocketConfig()])(*tensors, layer_idx=1)
    assert not torch.equal(other.mask.to_dense() > 0, first)


@pytest.mark.parametrize(("lsh_k", "dtype"), [(1, torch.uint8), (8, torch.uint8), (9, torch.int16), (15, torch.int16)])
def test_every_bucket_has_a_number_in_the_smallest_type(lsh_k: int, dtype: torch.dtype) -> None:
    _, keys, values = draw(8)
    keys[:, :, 0] = 0.0
    layer = hashed(SocketConfig(lsh_k=lsh_k, lsh_l=4), keys, values)[1]
    buckets = layer.state["buckets"].tensor
    assert buckets.dtype == dtype
    # A zero key lies on no plane's lower side.
    assert (buckets[:, :, 0].long() == 2**lsh_k - 1).all()
    assert buckets.min() >= 0
    assert read(draw(8), lsh_k=lsh_k, lsh_l=4, heavy_size=3).sum() == 4 * 3 * 3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_norms_and_long_values_stay_finite(dtype: torch.dtype) -> None:
    queries, keys, values = (tensor.to(dtype) for tensor in draw(9))
    values[0, 0, 3] = torch.finfo(dtype).max
    masker, layer = hashed(SocketConfig(heavy_size=5, lsh_l=8), keys, values)
    norms = layer.state["norms"].tensor
    assert norms.dtype == dtype
    assert torch.isfinite(norms).all()
    chosen = masker.add_mask(layer, queries, Mask.empty(queries, keys)).to_dense() > 0
    assert chosen[0, :2, :, 3].all()


@pytest.mark.parametrize(
    ("field", "value"), [("lsh_k", 16), ("lsh_l", 0), ("tau", 0.0), ("tau", float("inf")), ("heavy_size", 0)]
)
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"SocketConfig\.{field} = {value!r} is out of range"):
        SocketConfig(**{field: value})


def test_a_top_k_of_everything_is_infeasible() -> None:
    assert "whole context of 40 tokens" in str(SocketConfig(heavy_size=40).infeasible_because(40))
    assert SocketConfig(heavy_size=40).infeasible_because(41) is None
