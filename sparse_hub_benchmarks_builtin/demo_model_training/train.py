"""Trains the demo model.

`python -m sparse_hub_benchmarks_builtin.demo_model_training.train --output DIR --seed 0`
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from transformers import GenerationConfig, LlamaForCausalLM

from sparse_hub_benchmarks_builtin.demo_model_training.batch import collate
from sparse_hub_benchmarks_builtin.demo_model_training.data import Generator
from sparse_hub_benchmarks_builtin.demo_model_training.forward import evaluate, target_logits
from sparse_hub_benchmarks_builtin.demo_model_training.model import build_model
from sparse_hub_benchmarks_builtin.demo_model_training.tokenizer import (
    BOS,
    EOS,
    PAD,
    build_tokenizer,
    save_tokenizer,
)

MODEL_MAX_LENGTH = 2048


@dataclass(frozen=True)
class Stage:
    """A part of the curriculum.

    Attributes:
        sizes: Approximate prefix lengths in tokens (batches vary between 0.6 and 1.05 of it), each with the
            number of sequences per step; drawn at random.
        steps: Optimiser steps.
        mix: Share of each task.
    """

    sizes: tuple[tuple[int, int], ...]
    steps: int
    mix: dict[str, float]


_FIRST = {"bare": 0.7, "gap": 0.2, "ar": 0.1}
_LATE = {"gap": 0.03, "multikey": 0.8, "single": 0.04, "several": 0.04, "vt": 0.09}
STAGES = (
    Stage(((48, 80),), 300, {"ar": 1.0}),
    Stage(((40, 64),), 500, _FIRST),
    Stage(((256, 12), (512, 6), (1024, 3)), 120, _LATE),
    Stage(((512, 6), (1024, 3), (1024, 3), (2048, 2), (2048, 2), (4096, 1)), 75, _LATE),
    Stage(((384, 8), (512, 6), (768, 4), (1024, 3), (1024, 3)), 725, _LATE),
)
# Short stages end early once the needles of their length are found.
_ENOUGH, _ENOUGH_UP_TO = 0.97, 48
_DECAY_SHARE = 0.42


def _optimisers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "layers" in n]
    rest = [p for n, p in model.named_parameters() if not (p.ndim == 2 and "layers" in n)]
    return [
        torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def save(model: LlamaForCausalLM, folder: Path) -> None:
    """Writes weights (bfloat16), configurations and tokenizer files.

    Args:
        model: The trained model; left unchanged.
        folder: Where to write; made if missing.
    """
    tokenizer = build_tokenizer()
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    copy.to(torch.bfloat16).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, MODEL_MAX_LENGTH)


def train(output: Path, seed: int, minutes: float, resume: Path | None = None, first: int = 0) -> None:
    """Trains the model and writes a folder per checkpoint and `best`.

    Args:
        output: Folder for the checkpoints.
        seed: Seeds weights and data.
        minutes: Time limit; the learning rate reaches zero at the end of the steps or of the time, whichever
            is nearer.
        resume: A checkpoint to start from.
        first: Number of the stage to start with.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    bos, eos, pad = (int(tokenizer.token_to_id(token) or 0) for token in (BOS, EOS, PAD))
    model = build_model(tokenizer.get_vocab_size(), (bos, eos, pad))
    if resume is not None:
        model.load_state_dict(LlamaForCausalLM.from_pretrained(resume, dtype=torch.float32).state_dict())
    generator = Generator(tokenizer, seed + first)
    optimisers = _optimisers(model)
    base_rates = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
    click.echo(f"{sum(p.numel() for p in model.parameters())} parameters")
    total = sum(stage.steps for stage in STAGES[first:])
    done, best, began, seen = 0, -1.0, time.time(), 0
    for number, stage in enumerate(STAGES[first:], first):
        recent: list[float] = []
        longest = max(length for length, _ in stage.sizes)
        for step in range(1, stage.steps + 1):
            done += 1
            left = 1.0 - max((done - 1) / total, (time.time() - began) / (minutes * 60))
            if left <= 0:
                break
            rate = min(1.0, done / 40, left / _DECAY_SHARE)
            if longest >= 1024:
                rate *= 0.6
            for optimiser, base in zip(optimisers, base_rates, strict=True):
                optimiser.param_groups[0]["lr"] = base * rate
            size, count = stage.sizes[int(generator.rng.integers(len(stage.sizes)))]
            length = int(size * generator.rng.uniform(0.6, 1.05))
            batch = collate(generator.draw(stage.mix, length, count), pad)
            logits, targets, weights = target_logits(model, batch)
            loss = (F.cross_entropy(logits, targets, reduction="none") * weights).sum() / weights.sum()
            model.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(optimisers[1].param_groups[0]["params"], 1.0)
            for optimiser in optimisers:
                optimiser.step()
            seen += batch.tokens.numel()
            recent.append(float(loss.detach()))
            if step % (25 if longest <= _ENOUGH_UP_TO else 50) == 0 or step == stage.steps:
                cells = [("multikey" if longest > 48 else "bare", min(longest, 1024), 12)]
                cells += [("vt", 600, 8), ("multikey", 2048, 4)] if longest >= 512 else []
                found = [evaluate(model, Generator(tokenizer, 1000 + i), *cell) for i, cell in enumerate(cells)]
                text = "  ".join(
                    f"{task}@{size} first {first:.2f} all {whole:.2f}"
                    for (task, size, _), (first, whole) in zip(cells, found, strict=True)
                )
                elapsed = time.time() - began
                click.echo(
                    f"[{elapsed:6.0f} s] stage {number} ({longest}) step {step}: loss "
                    f"{sum(recent) / len(recent):.3f}  {text}  {seen / 1e6:.1f}M tokens"
                )
                easy = longest <= _ENOUGH_UP_TO and (found[0][1] > _ENOUGH or sum(recent) / len(recent) < 1.0)
                recent = []
                merit = sum(whole for _, whole in found)
                if len(cells) == 3 and merit > best:
                    best = merit
                    save(model, output / "best")
                if easy:
                    done += stage.steps - step
                    break
        save(model, output / f"stage{number}")
    save(model, output / "last")


def main() -> None:
    """Parses the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the checkpoints")
    parser.add_argument("--seed", type=int, default=0, help="seeds weights and data")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--minutes", type=float, default=600.0, help="time limit in minutes")
    parser.add_argument("--resume", type=Path, help="checkpoint to start from")
    parser.add_argument("--first-stage", type=int, default=0, help="stage to start with")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.output, arguments.seed, arguments.minutes, arguments.resume, arguments.first_stage)


if __name__ == "__main__":
    main()
