"""Double Sparsity: partial scores over calibrated channels, from labels of a few bits."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from stateful_maskers import TEXT, Sequence, demo, draw, read, watch

from sparse_hub_core import ConfigError, GrowingTensor, Layer, MaskerConfig, SparseAttention, get_masker_config
from sparse_hub_maskers_builtin.double_sparsity_calibration import main as calibrate
from sparse_hub_maskers_builtin.double_sparsity_calibration import write_channels

DoubleSparsity, TopK = get_masker_config("double_sparsity"), get_masker_config("oracle_top_k")


def naive_label(values: list[float], bits: int) -> list[float]:
    largest = max(abs(value) for value in values)
    if bits >= 16 or not largest:
        return values
    levels = 2**bits - 1
    return [largest * (2 * round((value / largest + 1) / 2 * levels) / levels - 1) for value in values]


def naive(config: MaskerConfig, sequence: Sequence, channels: list[list[int]] | None = None) -> torch.Tensor:
    """Loop over heads, queries and keys; ``channels`` of each KV head are taken from the prefix by default."""
    batch, heads, num_queries, _ = sequence.queries.shape
    keys, length, group = sequence.keys.double(), sequence.prefix_length, heads // sequence.keys.shape[1]
    rows = torch.zeros(batch, heads, num_queries, keys.shape[2], dtype=torch.bool)
    for row, head, index in itertools.product(range(batch), range(heads), range(num_queries)):
        kv_head = head // group
        importance = keys[row, kv_head, : max(1, length)].abs().mean(0)
        if config.channel_selection == "query_key" and sequence.prefix_queries is not None:
            of_group = sequence.prefix_queries[row, kv_head * group : (kv_head + 1) * group]
            importance = importance * of_group.double().abs().mean((0, 1))
        best = importance.argsort(descending=True).tolist() if channels is None else channels[kv_head]
        kept = best[: config.num_channels(keys.shape[3])]
        query = [float(sequence.queries[row, head, index, channel]) for channel in kept]
        scores = []
        for key in keys[row, kv_head, : length + index + 1].tolist():
            label = naive_label([key[channel] for channel in kept], config.label_bits)
            scores.append(sum(of_query * of_key for of_query, of_key in zip(query, label, strict=True)))
        top = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[: config.heavy_size]
        rows[row, head, index, top] = True
    return rows


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 7, 8, 12, 16])
@pytest.mark.parametrize("group_factor", [1, 2, 3])
@pytest.mark.parametrize("lengths", [(30, 5), (0, 12), (1, 1)])
def test_the_keys_of_the_highest_partial_scores_are_read(
    bits: int, group_factor: int, lengths: tuple[int, int]
) -> None:
    sequence = draw(1, *lengths, batch=2)
    config = DoubleSparsity(heavy_size=4, group_factor=group_factor, label_bits=bits)
    expected = naive(config, sequence)
    for chunks in ([lengths[1]], [1] * lengths[1]):
        assert torch.equal(read(config, sequence, chunks), expected)


def test_queries_of_the_prefix_weigh_the_channels_where_they_are_known() -> None:
    sequence = draw(2, 40, 3, observed=12, batch=2)
    by_keys, by_both = (
        DoubleSparsity(heavy_size=5, group_factor=4, label_bits=16, channel_selection=selection)
        for selection in ("key", "query_key")
    )
    assert torch.equal(read(by_both, sequence, [3]), naive(by_both, sequence))
    assert not torch.equal(read(by_both, sequence, [3]), read(by_keys, sequence, [3]))
    unknown = draw(2, 40, 3, batch=2)
    assert torch.equal(read(by_both, unknown, [3]), read(by_keys, unknown, [3]))


@pytest.mark.parametrize("group_factor", [1, 3, 8, 16, 128, 500])
@pytest.mark.parametrize("bits", range(1, 17))
def test_what_is_kept_per_key_is_at_most_twice_what_is_declared(bits: int, group_factor: int) -> None:
    config = DoubleSparsity(group_factor=group_factor, label_bits=bits)
    keys = torch.randn(1, 2, 40, 128, generator=torch.Generator().manual_seed(0)).bfloat16()
    layer = Layer(0, keys, keys, 1.0)
    config.create_masker().on_prefill(layer)
    kept = sum(value.num_bytes for value in layer.state.values() if isinstance(value, GrowingTensor))
    declared = config.index_bits_per_key(128)
    assert declared <= 8 * kept / (2 * 40) <= 2 * declared


@pytest.mark.parametrize("bits", [1, 4, 12, 16])
def test_a_new_key_leaves_the_labels_of_the_others_alone(bits: int) -> None:
    keys = draw(3, 50, 20).keys
    masker, layer = DoubleSparsity(label_bits=bits, group_factor=2).create_masker(), Layer(0, keys, keys, 1.0)
    layer.keys = keys[:, :, :50]
    masker.on_prefill(layer)
    before = {name: value.tensor.clone() for name, value in layer.state.items() if isinstance(value, GrowingTensor)}
    for length in (51, 70):
        start, layer.keys = layer.keys.shape[2], keys[:, :, :length]
        masker.on_append(layer, start)
    assert before
    for name, value in before.items():
        grown = layer.state[name].tensor
        assert grown.shape[3] == 70
        assert torch.equal(grown[..., :50], value)


def test_all_channels_at_full_precision_are_exact_top_k() -> None:
    sequence = draw(4, 90, 10)
    tensors = sequence.queries, sequence.keys, sequence.keys
    stack = [get_masker_config("sink")(sink_size=2), get_masker_config("local")(window_size=4)]
    ours = SparseAttention([*stack, DoubleSparsity(heavy_size=9, group_factor=1, label_bits=16)])(*tensors)
    exact = SparseAttention([*stack, TopK(heavy_size=9)])(*tensors)
    assert torch.equal(ours.mask.to_dense(), exact.mask.to_dense())


@pytest.fixture(scope="module")
def channel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated on the demo model, by the program."""
    folder = tmp_path_factory.mktemp("channels")
    text, output = folder / "text.txt", folder / "channels.safetensors"
    text.write_text(TEXT)
    arguments = ["--model", "demo", "--text", str(text), "--output", str(output), "--window", "256", "--device", "cpu"]
    result = CliRunner().invoke(calibrate, arguments)
    assert result.exit_code == 0, result.output
    return output


def recall(config: MaskerConfig, sequences: list[Sequence]) -> float:
    found = total = 0
    for sequence in sequences:
        tensors = sequence.queries, sequence.keys, sequence.keys
        exact = SparseAttention([TopK(heavy_size=config.heavy_size)])(*tensors).mask.to_dense()
        ours = SparseAttention([config])(*tensors).mask.to_dense()
        found, total = found + int((exact * ours).sum()), total + int(exact.sum())
    return found / total


@pytest.fixture(scope="module")
def of_model() -> list[Sequence]:
    return [seen.sequence() for seen in watch(TopK(heavy_size=1.0), prefix_length=400).values()]


def test_more_channels_and_bits_find_more_of_the_exact_top_keys(of_model: list[Sequence]) -> None:
    by_channels = [
        recall(DoubleSparsity(heavy_size=40, group_factor=factor, label_bits=16), of_model) for factor in (16, 4, 2, 1)
    ]
    assert all(few < more for few, more in itertools.pairwise(by_channels))
    assert by_channels[0] > 40 / 400
    assert by_channels[-1] > 0.999
    by_bits = [
        recall(DoubleSparsity(heavy_size=40, group_factor=2, label_bits=bits), of_model) for bits in (1, 2, 4, 8)
    ]
    assert all(few < more for few, more in itertools.pairwise(by_bits))


def test_a_calibrated_file_gives_each_layer_its_own_channels(channel_file: Path, of_model: list[Sequence]) -> None:
    tensors = load_file(channel_file)
    assert sorted(tensors) == [f"{layer}.{selection}" for layer in range(4) for selection in ("key", "query_key")]
    firsts = [tensors[f"{layer}.key"][:, :4].tolist() for layer in range(4)]
    assert all(one != other for one, other in itertools.combinations(firsts, 2))
    for selection in ("key", "query_key"):
        config = DoubleSparsity(
            heavy_size=9, group_factor=8, label_bits=16, channels=str(channel_file), channel_selection=selection
        )
        for layer, seen in watch(config).items():
            channels = tensors[f"{layer}.{selection}"].tolist()
            assert torch.equal(seen.read(), naive(config, seen.sequence(), channels))
    assert recall(DoubleSparsity(heavy_size=40, group_factor=4, channels=str(channel_file)), of_model[:1]) > 0.2


def test_the_calibrated_order_is_that_of_the_mean_magnitudes(channel_file: Path) -> None:
    loaded = demo()
    tokens = loaded.tokenizer(TEXT, return_tensors="pt").input_ids
    sums = torch.zeros(2, 32)
    for window in tokens[:, : len(tokens[0]) // 256 * 256].split(256, dim=1):
        with torch.inference_mode():
            keys = loaded.model(window, use_cache=True).past_key_values.layers[2].keys[0, :, :-1]
        sums += keys.abs().mean(1)
    found = load_file(channel_file)["2.key"].long()
    ordered = sums.gather(1, found)
    assert (ordered.diff(dim=1) <= 1e-4).all()
    assert torch.equal(found.sort(1).values, torch.arange(32).expand(2, -1))


def test_a_file_that_does_not_serve_is_refused_by_name(tmp_path: Path, channel_file: Path) -> None:
    missing = tmp_path / "missing.safetensors"
    with pytest.raises(ConfigError, match=f"no channel file {missing}"):
        DoubleSparsity(channels=str(missing))
    listing = tmp_path / "channels.json"
    listing.write_text(json.dumps({"model.layers.0.self_attn.k_proj": [[1, 0]]}))
    with pytest.raises(ConfigError, match=r"channels.json is no channel file .*double_sparsity_calibration"):
        DoubleSparsity(channels=str(listing))
    other = tmp_path / "other.safetensors"
    save_file({"0.key": torch.zeros(2, 4)}, other)
    with pytest.raises(ConfigError, match=r"other.safetensors is no channel file of schema version 1"):
        DoubleSparsity(channels=str(other))
    sequence = draw(5, 20, 2)
    tensors = sequence.queries, sequence.keys, sequence.keys
    attention = SparseAttention([DoubleSparsity(channels=str(channel_file))])
    with pytest.raises(ConfigError, match=r"channels.safetensors has no channels of layer 7 \('7.key'\)"):
        attention(*tensors, layer_idx=7)
    with pytest.raises(ConfigError, match=r"does not fit layer 0: '0.key' of shape"):
        attention(*tensors)


def test_the_file_is_known_by_its_content_not_its_path(tmp_path: Path, channel_file: Path) -> None:
    copy, changed = tmp_path / "copy.safetensors", tmp_path / "changed.safetensors"
    copy.write_bytes(channel_file.read_bytes())
    data = channel_file.read_bytes()
    changed.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    one, same, other = (DoubleSparsity(channels=str(path)).identity() for path in (channel_file, copy, changed))
    assert one == same
    assert one != other
    assert DoubleSparsity().identity()["channels"] is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--model", "no-such-model"], "Unknown model 'no-such-model'"), (["--model", "demo"], "too little text")],
)
def test_calibration_says_what_is_wrong(tmp_path: Path, arguments: list[str], expected: str) -> None:
    (tmp_path / "text.txt").write_text("")
    places = ["--text", str(tmp_path / "text.txt"), "--output", str(tmp_path / "out.safetensors")]
    result = CliRunner().invoke(calibrate, [*arguments, *places])
    assert result.exit_code == 1
    assert expected in result.output
    assert not (tmp_path / "out.safetensors").exists()


def test_a_file_of_another_head_dimension_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "channels.safetensors"
    write_channels(path, {(0, "key"): torch.rand(2, 32), (0, "query_key"): torch.rand(2, 32)}, {})
    keys = torch.randn(1, 2, 20, 64)
    attention = SparseAttention([get_masker_config("double_sparsity")(channels=str(path))])
    with pytest.raises(ConfigError, match="does not fit layer 0"):
        attention(torch.randn(1, 4, 1, 64), keys, keys)
