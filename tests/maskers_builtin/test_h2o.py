"""H2O: heavy hitters by accumulated attention, and recent keys; what is evicted never comes back."""

from __future__ import annotations

import pytest
import torch
from stateful_maskers import Sequence, draw, read, watch

from sparse_hub_core import MaskerConfig, SparseAttention, get_masker_config, resolve_size

H2o = get_masker_config("h2o")


class NaiveHead:
    """One query head, with a dict of sums in float64."""

    def __init__(self, config: MaskerConfig, sequence: Sequence, row: int, head: int) -> None:
        self.config, self.scaling = config, sequence.scaling
        self.keys = sequence.keys[row, head * sequence.keys.shape[1] // sequence.queries.shape[1]].double()
        self.sums: dict[int, float] = {}

    def attend(self, query: torch.Tensor) -> None:
        live = list(self.sums)
        weights = torch.softmax(self.keys[live] @ query.double() * self.scaling, 0)
        for key, weight in zip(live, weights.tolist(), strict=True):
            self.sums[key] += weight

    def evict(self, num_keys: int) -> None:
        heavy, recent = (resolve_size(size, num_keys) for size in (self.config.heavy_size, self.config.recent_size))
        while len(self.sums) > heavy + recent:
            old = [key for key in self.sums if key < num_keys - recent]
            del self.sums[min(old, key=self.sums.__getitem__)]

    def start(self, sequence: Sequence, row: int, head: int) -> list[set[int]]:
        """Judge the prefix, and return what the first query reads where it had to do that."""
        length, observed = sequence.prefix_length, sequence.prefix_queries
        judges = sequence.queries[:, :, :1] if observed is None else observed
        num_keys = length + 1 if observed is None else length
        self.sums = dict.fromkeys(range(num_keys), 0.0)
        for offset, query in enumerate(judges[row, head], start=num_keys - judges.shape[2]):
            weights = torch.softmax(self.keys[: offset + 1] @ query.double() * self.scaling, 0)
            for key, weight in enumerate(weights.tolist()):
                self.sums[key] += weight
        self.evict(num_keys)
        return [set(self.sums)] if observed is None else []

    def run(self, sequence: Sequence, row: int, head: int) -> list[set[int]]:
        reads = self.start(sequence, row, head)
        for index in range(len(reads), sequence.queries.shape[2]):
            position = sequence.prefix_length + index
            self.sums[position] = 0.0
            reads.append(set(self.sums))
            self.attend(sequence.queries[row, head, index])
            self.evict(position + 1)
        return reads


def naive(config: MaskerConfig, sequence: Sequence) -> torch.Tensor:
    batch, heads, num_queries, _ = sequence.queries.shape
    rows = torch.zeros(batch, heads, num_queries, sequence.keys.shape[2], dtype=torch.bool)
    for row in range(batch):
        for head in range(heads):
            for index, keys in enumerate(NaiveHead(config, sequence, row, head).run(sequence, row, head)):
                rows[row, head, index, sorted(keys)] = True
    return rows


@pytest.mark.parametrize("sizes", [(6, 4), (1, 1), (0.2, 0.1), (0.05, 9), (3, 0.5)], ids=str)
@pytest.mark.parametrize("observed", [0, 1, 12])
@pytest.mark.parametrize("lengths", [(30, 20), (12, 40), (3, 5)])
def test_the_live_set_is_that_of_plain_sums(
    sizes: tuple[float, float], observed: int, lengths: tuple[int, int]
) -> None:
    sequence = draw(1, *lengths, observed=min(observed, lengths[0]), batch=2)
    config = H2o(heavy_size=sizes[0], recent_size=sizes[1])
    expected = naive(config, sequence)
    for chunks in ([lengths[1]], [1] * lengths[1], [2, lengths[1] - 2]):
        assert torch.equal(read(config, sequence, chunks), expected)
    assert int(expected.sum(-1).max()) <= config.max_keys(sum(lengths))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_long_chunk_is_many_steps_and_nothing_comes_back(dtype: torch.dtype) -> None:
    sequence = draw(2, 50, 100, observed=8, dtype=dtype, heads=(6, 3))
    config = H2o(heavy_size=9, recent_size=5)
    rows = read(config, sequence, [100])
    assert torch.equal(rows, read(config, sequence, [1] * 100))
    assert (rows.sum(-1) == 15).all()
    reads = rows[0]
    for key in range(150):
        once_read = reads[:, :, key].int()
        entered = max(0, key - 50)
        assert (once_read[:, entered:].diff(dim=1) <= 0).all()
        assert not once_read[:, :entered].any() or key < 50
    for index in range(100):
        assert reads[:, index, 50 + index - 4 : 50 + index + 1].all()


def test_without_a_prefix_the_set_grows_up_to_its_budget() -> None:
    sequence = draw(3, 0, 20)
    counts = read(H2o(heavy_size=3, recent_size=4), sequence, [20]).sum(-1)
    assert torch.equal(counts[0, 0], torch.tensor([min(length, 8) for length in range(1, 21)]))


def test_a_share_of_one_is_dense() -> None:
    sequence = draw(4, 20, 10)
    keys = sequence.keys
    assert SparseAttention([H2o(heavy_size=1.0)])(sequence.queries, keys, keys).density == 1.0


def test_its_own_set_does_not_depend_on_the_rest_of_the_stack() -> None:
    sequence, config = draw(5, 30, 12), H2o(heavy_size=4, recent_size=2)
    tensors = sequence.queries, sequence.keys, sequence.keys
    alone = SparseAttention([config])(*tensors).mask.to_dense()
    others = [get_masker_config("sink")(sink_size=3), get_masker_config("local")(window_size=5)]
    beside = SparseAttention(others)(*tensors).mask.to_dense()
    assert torch.equal(SparseAttention([*others, config])(*tensors).mask.to_dense(), torch.maximum(alone, beside))


def test_forbidden_keys_gather_no_attention() -> None:
    sequence = draw(6, 30, 8)
    allowed = torch.ones(1, 1, 8, 38, dtype=torch.bool)
    allowed[..., 3:24] = False
    config = H2o(heavy_size=5, recent_size=4)
    result = SparseAttention([config])(sequence.queries, sequence.keys, sequence.keys, attention_mask=allowed)
    # 3 keys before the gap and 7 behind it are enough, so no place of the budget is lost to forbidden ones.
    assert (result.num_read[..., 0] == 9).all()
    assert (result.num_read[..., 1:] == 10).all()


def test_on_a_model_the_prefix_is_cut_by_its_own_last_queries() -> None:
    config = H2o(heavy_size=16, recent_size=8)
    for seen in watch(config).values():
        sequence = seen.sequence()
        assert sequence.prefix_queries is not None
        assert sequence.prefix_queries.shape[2] == 64
        assert torch.equal(seen.read(), naive(config, sequence))
        assert (seen.read().sum(-1) == 25).all()


def test_the_state_is_of_the_budgets_size() -> None:
    sequence = draw(7, 200, 50)
    sizes = []
    for length in (60, 200):
        masker = H2o(heavy_size=10, recent_size=6).create_masker()
        layer = watch_state(masker, sequence, length)
        sizes.append(sum(value.numel() for value in layer.state.values() if isinstance(value, torch.Tensor)))
    assert sizes[0] == sizes[1] == 2 * 4 * 16
    assert H2o().index_bits_per_key(128) == 0


def watch_state(masker, sequence: Sequence, length: int):
    from sparse_hub_core import Layer, Mask

    keys = sequence.keys[:, :, :length]
    layer = Layer(0, keys[:, :, :-1], keys[:, :, :-1], 0.5)
    masker.on_prefill(layer)
    layer.keys = layer.values = keys
    masker.on_append(layer, length - 1)
    masker.add_mask(layer, sequence.queries[:, :, :1], Mask.empty(sequence.queries[:, :, :1], keys))
    return layer


@pytest.mark.parametrize(
    ("sizes", "feasible"), [((10, 9), True), ((10, 10), False), ((0.5, 0.5), False), ((0.1, 0.1), True)]
)
def test_a_budget_of_the_whole_context_is_infeasible(sizes: tuple[float, float], feasible: bool) -> None:
    reason = H2o(heavy_size=sizes[0], recent_size=sizes[1]).infeasible_because(20)
    assert (reason is None) == feasible
    assert (
        feasible or reason == f"heavy_size {sizes[0]} and recent_size {sizes[1]} cover the whole context of 20 tokens"
    )
