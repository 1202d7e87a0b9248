"""Train hash functions for a model.

``python -m sparse_hub_hashattention.train --model demo --output weights.safetensors``
"""

from __future__ import annotations

import itertools
from pathlib import Path

import click
import torch

from sparse_hub_core import Lengths, LoadedModel, SparseHubError, UsageError, get_benchmark, get_model
from sparse_hub_hashattention.hash_functions import HashFunctions
from sparse_hub_hashattention.training import Observed, Targets, Trainer, Training, observe, recall
from sparse_hub_hashattention.weight_writing import check_output, write_weights

HELD_OUT = 4
REPORTS = 10


def windows_of_text(loaded: LoadedModel, text: Path, window: int, count: int) -> list[torch.Tensor]:
    """Return the first windows of a text, each ``(1, window)`` tokens.

    Raises:
        UsageError: It is no UTF-8 text, or too short for two windows.
    """
    try:
        content = text.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{text} is no UTF-8 text ({error.reason} at byte {error.start}); write it anew as UTF-8, or take another."
        ) from None
    tokens = loaded.tokenizer(content, return_tensors="pt").input_ids.to(loaded.device)
    whole = tokens.shape[1] // window
    if whole < 2:
        raise UsageError(
            f"{text} has {tokens.shape[1]} tokens, too few for two windows of {window}; take more text, or --window."
        )
    return list(torch.split(tokens[:, : whole * window], window, dim=1))[:count]


def windows_of_task(loaded: LoadedModel, task: str, window: int, count: int, seed: int) -> list[torch.Tensor]:
    """Return the first requests of a generated task, context and first question together.

    Raises:
        UsageError: There is no such task, or the window is too short for it.
    """
    name, _, subset = task.partition("/")

    def count_tokens(text: str) -> int:
        return len(loaded.tokenizer(text, add_special_tokens=False).input_ids)

    requests = get_benchmark(name).requests(subset, Lengths(window, count_tokens), seed)
    prompts = (
        request.context + request.questions[0].text + request.questions[0].answer_prefix
        for request in itertools.islice(requests, count)
    )
    return [loaded.tokenizer(prompt, return_tensors="pt").input_ids.to(loaded.device) for prompt in prompts]


def compared(
    functions: dict[int, HashFunctions], held_out: list[dict[int, Observed]], targets: Targets, seed: int
) -> tuple[float, float]:
    """Return the mean recall over layers of the trained functions, and of as many random planes, as without weights."""
    trained, random = [], []
    for index, learned in functions.items():
        windows = [observed[index] for observed in held_out]
        _, kv_heads, _, head_dim = windows[0].keys.shape
        planes = HashFunctions.random_planes(kv_heads, head_dim, learned.num_bits, seed).to(windows[0].keys.device)
        trained.append(recall(learned, windows, targets))
        random.append(recall(planes, [window.centred() for window in windows], targets))
    return sum(trained) / len(trained), sum(random) / len(random)


@click.command()
@click.option("--model", required=True, help="A registered name, a folder or a hub id.")
@click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Safetensors to write.")
@click.option("--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="UTF-8 text to learn from.")
@click.option("--task", default="ruler/niah_multikey_2", show_default=True, help="What is learned from without --text.")
@click.option("--bits", default=32, show_default=True, type=click.IntRange(32), help="A multiple of 32.")
@click.option("--hidden", default=128, show_default=True, type=click.IntRange(1), help="Width of hidden layers.")
@click.option("--depth", default=3, show_default=True, type=click.IntRange(1), help="Linear maps per function.")
@click.option("--steps", default=500, show_default=True, type=click.IntRange(1), help="A window of text each.")
@click.option("--window", default=1024, show_default=True, type=click.IntRange(64), help="Tokens the model sees.")
@click.option("--max-windows", default=64, show_default=True, type=click.IntRange(2), help="Used in turn.")
@click.option("--top-keys", default=32, show_default=True, type=click.IntRange(1), help="Keys a query should find.")
@click.option("--learning-rate", default=1e-3, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
def main(
    model: str,
    output: Path,
    text: Path | None,
    task: str,
    bits: int,
    hidden: int,
    depth: int,
    steps: int,
    window: int,
    max_windows: int,
    top_keys: int,
    learning_rate: float,
    seed: int,
    device: str,
) -> None:
    """Train the hash functions that hash_attention reads keys by, from a model's own attention."""
    targets = Targets(top_keys)
    training = Training(bits, hidden, depth, learning_rate, targets=targets, seed=seed)
    try:
        if bits % 32:
            raise UsageError(f"--bits {bits} is no multiple of 32.")
        check_output(output)
        loaded = get_model(model, device)
        if text is not None:
            windows = windows_of_text(loaded, text, window, max_windows)
        else:
            windows = windows_of_task(loaded, task, window, max_windows, seed)
        kept = min(HELD_OUT, len(windows) // 2)
        trainer = Trainer(training)
        for number, tokens in zip(range(1, steps + 1), itertools.cycle(windows[:-kept]), strict=False):
            loss = trainer.step(observe(loaded.model, tokens))
            if number % max(1, steps // REPORTS) == 0:
                click.echo(f"step {number} of {steps}: loss {loss:.4f}")
        held_out = [observe(loaded.model, tokens) for tokens in windows[-kept:]]
        trained, random = compared(trainer.functions, held_out, targets, seed)
        notes = {"model": model, "steps": steps, "seed": seed, "recall": round(trained, 4)}
        num_kv_heads = next(iter(held_out[0].values())).keys.shape[1]
        write_weights(output, trainer.functions, num_kv_heads, notes)
    except SparseHubError as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{output}: of the top {top_keys} keys, {trained:.1%} are among the best 10% by these hashes on {kept} windows "
        f"held out; {random:.1%} by as many random planes."
    )


if __name__ == "__main__":
    main()
