"""Measures the demo model with the product's own prompts and attention; writes `card.json`, prints the table.

`python -m sparse_hub_benchmarks_builtin.demo_model_training.measure --model DIR`
"""

from __future__ import annotations

import argparse
import json
import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparse_hub_benchmarks_builtin.ruler.benchmark import Ruler
from sparse_hub_core import Lengths, MaskerConfig, SparseAttention, get_masker_config

# A seed that training cannot have seen: training draws from another generator altogether.
SEED = 20261
_DEMO_MODEL = Path(__file__).parent.parent / "demo_model"


@dataclass(frozen=True)
class Cell:
    """One line of the card: a subset at a length under an attention."""

    subset: str
    max_context_length: int
    attention: str
    n: int


@dataclass(frozen=True)
class Score:
    """What was measured in a cell; shares are between 0 and 1."""

    cell: Cell
    share_found: float
    interval_95: tuple[float, float]
    mean_prompt_tokens: float
    ended_itself: float
    seconds: float


SUBSETS = ("niah_multikey_2", "niah_single_1", "vt")


def attentions() -> dict[str, SparseAttention | None]:
    """Returns the attentions of the card by name; `dense` is none at all."""
    sink = get_masker_config("sink")(sink_size=4)  # type: ignore[call-arg]

    def local(size: int) -> MaskerConfig:
        return get_masker_config("local")(window_size=size)  # type: ignore[call-arg]

    def top(share: float) -> MaskerConfig:
        return get_masker_config("oracle_top_k")(heavy_size=share)  # type: ignore[call-arg]

    return {
        "dense": None,
        "sink 4 + local 64": SparseAttention([sink, local(64)]),
        **{
            f"sink 4 + local 16 + top-k {share:.0%}": SparseAttention([sink, local(16), top(share)])
            for share in (0.02, 0.05, 0.1)
        },
    }


def cells(n: int) -> list[Cell]:
    """Returns the cells of the card, the telling task first.

    Args:
        n: Requests per cell at 1K tokens; half as many at longer contexts.
    """
    found = []
    for subset in SUBSETS:
        found += [Cell(subset, 1024, name, n) for name in attentions()]
        found += [Cell(subset, length, "dense", n // 2) for length in (2048, 4096)]
    found += [Cell("niah_multikey_2", 2048, name, n // 2) for name in attentions() if name != "dense"]
    return [*found, Cell("niah_multikey_3", 1024, "dense", n // 4)]


def wilson(share: float, n: int) -> tuple[float, float]:
    """Returns the 95% Wilson interval of a share.

    Args:
        share: The measured share; where a request has several references it is their mean, and the interval
            is then a little too wide.
        n: Number of requests.
    """
    z = 1.959964
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@torch.no_grad()
def measure(model: Any, tokenizer: Any, cell: Cell, seed: int = SEED) -> Score:
    """Generates the answers of a cell greedily and scores them.

    Args:
        model: The loaded model.
        tokenizer: Its tokenizer.
        cell: What to measure.
        seed: Seed of the requests.

    Returns:
        The score.
    """

    def encode(text: str, special: bool) -> list[int]:
        return list(tokenizer(text, add_special_tokens=special)["input_ids"])

    began, benchmark, attention = time.time(), Ruler(), attentions()[cell.attention]
    lengths = Lengths(cell.max_context_length, lambda text: len(encode(text, special=False)))
    found, sizes, ended = [], [], []
    for request in islice(benchmark.requests(cell.subset, lengths, seed), cell.n):
        prefix = encode(request.context, special=True)
        for question in request.questions:
            # Tokenised apart, as in the product: the prefix is computed once, whatever is asked about it.
            ids = torch.tensor([prefix + encode(question.text + question.answer_prefix, special=False)])
            if attention is not None:
                attention.reset()
            with nullcontext() if attention is None else attention.on(model, prefix_length=len(prefix)):
                output = model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=question.max_new_tokens,
                    do_sample=False,
                )
            answer = output[0, ids.shape[1] :]
            prediction = tokenizer.decode(answer, skip_special_tokens=True)
            found.append(benchmark.score(prediction, question) / 100.0)
            sizes.append(ids.shape[1])
            ended.append(bool(answer[-1] == tokenizer.eos_token_id))
    share = sum(found) / len(found)
    return Score(
        cell,
        round(share, 4),
        (round(wilson(share, cell.n)[0], 4), round(wilson(share, cell.n)[1], 4)),
        round(sum(sizes) / len(sizes), 1),
        round(sum(ended) / len(ended), 4),
        round(time.time() - began, 1),
    )


def table(scores: list[Score]) -> str:
    """Returns the scores as a Markdown table."""
    lines = [
        "| subset | max context length | attention | n | references found | 95% interval | ended itself |",
        "|---|---|---|---|---|---|---|",
    ]
    for score in scores:
        cell, (low, high) = score.cell, score.interval_95
        lines.append(
            f"| {cell.subset} | {cell.max_context_length} | {cell.attention} | {cell.n} "
            f"| {score.share_found:.3f} | {low:.3f} to {high:.3f} | {score.ended_itself:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parses the command line, measures and writes `card.json` after every cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=_DEMO_MODEL, help="folder of the model")
    parser.add_argument("--n", type=int, default=100, help="requests per cell at 1K tokens")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the requests")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model).eval()
    scores: list[Score] = []
    for cell in cells(arguments.n):
        scores.append(measure(model, tokenizer, cell, arguments.seed))
        click.echo(table(scores[-1:]).splitlines()[-1])
        card = {
            "metric": "share of reference answers found (RULER string_match_all / 100), greedy decoding",
            "seed": arguments.seed,
            "dtype": str(model.dtype).removeprefix("torch."),
            "torch": torch.__version__,
            "scores": [asdict(score) for score in scores],
        }
        (arguments.model / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
