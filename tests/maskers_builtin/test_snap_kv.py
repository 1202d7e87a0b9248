"""SnapKV: the prefix keys that its last queries attended to, chosen once."""

from __future__ import annotations

import pytest
import torch
from stateful_maskers import Sequence, draw, read, watch

from sparse_hub_core import ConfigError, MaskerConfig, SparseAttention, get_masker_config, resolve_size

SnapKv = get_masker_config("snap_kv")


def naive_choice(config: MaskerConfig, sequence: Sequence, row: int, head: int) -> tuple[set[int], int]:
    """The chosen keys of one head, and the key from which on all are kept."""
    length, keys = sequence.prefix_length, sequence.keys
    if sequence.prefix_queries is not None:
        window = sequence.prefix_queries[row, :, -config.window_size :]
        kept_from, positions = length - window.shape[1], range(length - window.shape[1], length)
    else:
        window, kept_from, positions = sequence.queries[row, :, :1], length, range(length, length + 1)
    group = window.shape[0] // keys.shape[1]
    heads = [head] if not config.per_group else range(head // group * group, head // group * group + group)
    worth = torch.zeros(kept_from, dtype=torch.float64)
    for judge in heads:
        for query, position in zip(window[judge].double(), positions, strict=True):
            logits = keys[row, judge // group, : position + 1].double() @ query * sequence.scaling
            worth += torch.softmax(logits, 0)[:kept_from]
    half, pooled = config.kernel_size // 2, []
    for key in range(kept_from):
        around = worth[max(0, key - half) : key + half + 1]
        pooled.append(float(around.max() if config.pooling == "max" else around.sum()))
    best = sorted(range(kept_from), key=pooled.__getitem__, reverse=True)
    return set(best[: resolve_size(config.heavy_size, length) if length else 0]), kept_from


def naive(config: MaskerConfig, sequence: Sequence) -> torch.Tensor:
    batch, heads, num_queries, _ = sequence.queries.shape
    rows = torch.zeros(batch, heads, num_queries, sequence.keys.shape[2], dtype=torch.bool)
    for row in range(batch):
        for head in range(heads):
            chosen, kept_from = naive_choice(config, sequence, row, head)
            for query in range(num_queries):
                rows[row, head, query, sorted(chosen)] = True
                rows[row, head, query, kept_from : sequence.prefix_length + query + 1] = True
    return rows


@pytest.mark.parametrize(
    "fields",
    [{}, {"kernel_size": 1}, {"kernel_size": 7, "window_size": 3}, {"per_group": True}, {"heavy_size": 0.3}],
    ids=str,
)
@pytest.mark.parametrize("observed", [0, 1, 12])
@pytest.mark.parametrize("lengths", [(40, 6), (13, 3)])
def test_the_best_attended_neighbourhoods_of_the_prefix_stay(
    fields: dict[str, object], observed: int, lengths: tuple[int, int]
) -> None:
    # Where neighbours share their maximum, which of them is chosen is not told; averages differ.
    sequence = draw(1, *lengths, observed=observed, batch=2)
    config = SnapKv(**({"heavy_size": 7, "window_size": 8} | fields))
    expected = naive(config, sequence)
    assert torch.equal(read(config, sequence, [lengths[1]]), expected)
    assert torch.equal(read(config, sequence, [1] * lengths[1]), expected)


def test_max_pooling_keeps_whole_neighbourhoods() -> None:
    sequence = draw(2, 60, 1, observed=5)
    config = SnapKv(heavy_size=10, window_size=5, kernel_size=5, pooling="max")
    chosen = read(config, sequence, [1])[0, :, 0, :55]
    peaks = read(SnapKv(heavy_size=2, window_size=5, kernel_size=1), sequence, [1])[0, :, 0, :55]
    for head in range(4):
        first, second = peaks[head].nonzero().flatten().tolist()
        for peak in (first, second) if abs(first - second) >= 5 else ():
            assert chosen[head, max(0, peak - 2) : peak + 3].all()
    assert (chosen.sum(-1) == 10).all()


def test_without_a_prefix_every_key_is_read() -> None:
    sequence = draw(3, 0, 9)
    for chunks in ([9], [1] * 9, [4, 5]):
        assert torch.equal(read(SnapKv(heavy_size=2), sequence, chunks)[0, 0], torch.ones(9, 9).tril().bool())


def test_forbidden_keys_are_not_judged() -> None:
    queries, keys = draw(4, 30, 1).queries, draw(4, 30, 1).keys
    allowed = torch.ones(1, 1, 1, 31, dtype=torch.bool)
    allowed[..., 5:25] = False
    result = SparseAttention([SnapKv(heavy_size=4, kernel_size=1)])(queries, keys, keys, attention_mask=allowed)
    assert (result.num_read == 5).all()


def test_on_a_model_each_layer_keeps_what_its_own_prefix_attended_to() -> None:
    config = SnapKv(heavy_size=24, window_size=16)
    layers = watch(config)
    assert len(layers) == 4
    chosen = []
    for seen in layers.values():
        assert seen.layer.prefix_queries is not None
        assert [mask.shape[2] for mask in seen.masks] == [9, 1, 1, 1, 1, 1]
        assert torch.equal(seen.read(), naive(config, seen.sequence()))
        chosen.append(seen.read()[0, 0, 0, :184])
        # What is not chosen at the end of the prefix never comes back.
        assert (seen.read()[..., :200] == seen.read()[:, :, :1, :200]).all()
    assert not torch.equal(chosen[0], chosen[-1])


@pytest.mark.parametrize("fields", [{"window_size": 65}, {"kernel_size": 4}, {"pooling": "sum"}, {"heavy_size": 0}])
def test_fields_out_of_range_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"SnapKvConfig.{next(iter(fields))} = "):
        SnapKv(**fields)
