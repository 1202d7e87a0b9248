"""The trainer, on the demo model: what it learns is worth more than random planes, and is the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from sparse_hub_hashattention.hash_attention import HashAttentionConfig
from sparse_hub_hashattention.hash_functions import HashFunctions
from sparse_hub_hashattention.train import compared, main, windows_of_task
from sparse_hub_hashattention.training import Observed, Targets, Trainer, Training, observe, recall
from sparse_hub_hashattention.weight_file import WeightFile
from sparse_hub_hashattention.weight_writing import write_weights

from sparse_hub_core import LoadedModel, SparseAttention, get_model

TARGETS = Targets(count=16, sinks=4, recent=16)
WINDOW = 512
SMALL = ("--window", "256", "--max-windows", "2", "--hidden", "8", "--depth", "3", "--top-keys", "4")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Steps are so small that threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def demo() -> LoadedModel:
    return get_model("demo", "cpu")


@pytest.fixture(scope="module")
def windows(demo: LoadedModel) -> list[dict[int, Observed]]:
    """Four to learn from, and two of other texts."""
    seeds = {0: 4, 1: 2}
    found = [windows_of_task(demo, "ruler/niah_multikey_2", WINDOW, count, seed) for seed, count in seeds.items()]
    return [observe(demo.model, tokens) for tokens in (*found[0], *found[1])]


def trained(windows: list[dict[int, Observed]], steps: int, seed: int = 0) -> Trainer:
    trainer = Trainer(Training(hidden=64, depth=2, learning_rate=3e-3, targets=TARGETS, seed=seed))
    for step in range(steps):
        trainer.step(windows[step % 4])
    return trainer


@pytest.fixture(scope="module")
def trainer(windows: list[dict[int, Observed]]) -> Trainer:
    return trained(windows, 60)


def test_observed_queries_and_keys_are_those_of_the_model(demo: LoadedModel) -> None:
    """Attention computed from them is the attention that the model computes."""
    tokens = torch.arange(100, 160)[None]
    observed = observe(demo.model, tokens)
    assert sorted(observed) == [0, 1, 2, 3]
    assert observed[0].queries.shape == (1, 6, 30, 32)
    assert observed[0].keys.shape == (1, 2, 60, 32)
    assert observed[0].positions(torch.tensor([0, 29])).tolist() == [30, 59]
    demo.model.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            weights = demo.model(tokens, output_attentions=True).attentions
    finally:
        demo.model.set_attn_implementation("sdpa")
    future = torch.ones(30, 60, dtype=torch.bool).triu(31)
    for index, layer in observed.items():
        logits = layer.queries @ layer.keys.repeat_interleave(3, dim=1).transpose(2, 3) / 32**0.5
        expected = logits.masked_fill(future, -torch.inf).softmax(-1)
        torch.testing.assert_close(weights[index][:, :, 30:], expected, atol=1e-4, rtol=1e-3)


def test_targets_are_the_top_keys_between_sinks_and_window() -> None:
    positions = torch.tensor([30, 40])
    candidates = TARGETS.candidates(positions, 41)
    assert [row.nonzero()[:, 0].tolist() for row in candidates] == [list(range(4, 15)), list(range(4, 25))]
    generator = torch.Generator().manual_seed(0)
    queries, keys = torch.randn(1, 4, 2, 8, generator=generator), torch.randn(1, 2, 41, 8, generator=generator)
    top = TARGETS.top_keys(queries, keys, candidates)
    assert top.sum(-1).tolist() == [[[11, 16]] * 4]
    assert not (top & ~candidates).any()
    products = queries @ keys.repeat_interleave(2, dim=1).transpose(2, 3)
    lowest = products.masked_fill(~top, torch.inf).amin(-1)
    assert (lowest >= products.masked_fill(top | ~candidates, -torch.inf).amax(-1)).all()


def test_trained_functions_find_more_of_the_top_keys_than_random_planes(
    trainer: Trainer, windows: list[dict[int, Observed]]
) -> None:
    learned, planes = compared(trainer.functions, windows[4:], TARGETS, seed=0)
    untrained, _ = compared(trained(windows, 1).functions, windows[4:], TARGETS, seed=0)
    assert learned > planes + 0.1
    assert learned > untrained + 0.1


def test_training_is_the_same_every_time_and_leaves_global_state_alone(windows: list[dict[int, Observed]]) -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    weights = [trained(windows, 2, seed).functions[0].key.weights[0] for seed in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_recall_counts_what_is_found() -> None:
    generator = torch.Generator().manual_seed(1)
    observed = Observed(torch.randn(1, 4, 20, 8, generator=generator), torch.randn(1, 2, 200, 8, generator=generator))
    chance = recall(HashFunctions.random_planes(2, 8, 32, 0), [observed], TARGETS, read=0.1)
    many = recall(HashFunctions.random_planes(2, 8, 2048, 0), [observed], TARGETS, read=0.1)
    assert chance < many
    assert many > 0.8
    assert recall(HashFunctions.random_planes(2, 8, 32, 0), [observed], TARGETS, read=1.0) == 1.0


def test_what_was_learned_is_what_the_masker_reads_by(
    tmp_path: Path, trainer: Trainer, windows: list[dict[int, Observed]]
) -> None:
    write_weights(tmp_path / "w.safetensors", trainer.functions, 2)
    learned = HashAttentionConfig(heavy_size=50, weights=str(tmp_path / "w.safetensors"))
    exact = trainer.training.targets
    shares = []
    for config in (learned, HashAttentionConfig(heavy_size=50)):
        found = wanted = 0
        for index, observed in windows[4].items():
            result = SparseAttention([config])(observed.queries, observed.keys, observed.keys, layer_idx=index)
            places = torch.arange(observed.queries.shape[2])
            candidates = exact.candidates(observed.positions(places), observed.keys.shape[2])
            true = exact.top_keys(observed.queries, observed.keys, candidates)
            found += int((true & (result.mask.to_dense() > 0)).sum())
            wanted += int(true.sum())
        shares.append(found / wanted)
    assert shares[0] > shares[1]


def test_the_command_trains_on_a_text_and_says_how_good_the_result_is(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(f"The quick brown fox jumps over the lazy dog and finds number {7}. " * 60)
    output = tmp_path / "w.safetensors"
    arguments = ["--model", "demo", "--output", str(output), "--text", str(text), "--device", "cpu"]
    small = ["--steps", "2", "--window", "128", "--hidden", "8", "--depth", "1", "--bits", "64", "--top-keys", "4"]
    result = CliRunner().invoke(main, [*arguments, *small])
    assert result.exit_code == 0, result.output
    assert "windows held out" in result.output
    file = WeightFile.inspect(str(output))
    assert (file.bits, file.num_query_heads, file.num_kv_heads, sorted(file.depths)) == (64, 6, 2, [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bits", "40"], "--bits 40 is no multiple of 32"),
        (["--model", "demo2"], "demo2"),
        (["--task", "ruler/vtt"], "vtt"),
        (["--text", "TEXT"], "too few for two windows of 1024"),
        (["--text", "LATIN"], "LATIN is no UTF-8 text (invalid continuation byte at byte 3)"),
        (["--output", "/no/such/w.safetensors", "--model", "demo2"], "for there is no folder /no/such"),
        (["--learning-rate", "1e30", "--steps", "4", *SMALL], "can be learned; take a learning rate below 1e+30"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "TEXT").write_text("a few words")
    (tmp_path / "LATIN").write_bytes("caf\xe9 \xe0 la carte".encode("latin-1"))
    arguments = [str(tmp_path / part) if part in ("TEXT", "LATIN") else part for part in arguments]
    result = CliRunner().invoke(main, ["--model", "demo", "--output", str(tmp_path / "w"), *arguments])
    assert isinstance(result.exception, SystemExit)
    assert message in result.output
    assert not (tmp_path / "w").exists()
