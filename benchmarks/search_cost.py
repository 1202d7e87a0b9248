"""What a search costs, beside a baseline that shares nothing between trials: `python benchmarks/search_cost.py`.

The baseline does as the public reference does: a new process for each trial, which imports torch and transformers,
loads the model and prefills every question; Ray's share and the making of the requests are left out of it, and its
attention is this project's, which is faster. One thread each.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from shared.whole_program import run_trial, run_trials, search_seconds, write_job
from shared.workbench import (
    TASK,
    header,
    is_quick,
    load,
    optimizer_of,
    seconds,
    set_up,
    spread,
)
from transformers import LlamaConfig, LlamaForCausalLM

from sparse_hub_core import MaskerConfig, get_masker_config
from sparse_hub_core.environment import num_cores
from sparse_hub_core.models.loading import LoadedModel, load_model
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.search.ladder import Rung, rungs

QUICK = is_quick("What a search costs.")
CONTEXTS, REQUESTS, TOKENS, ROUNDS, SAMPLES = (4096, 8192), 10, 20, 3, 50
if QUICK:
    CONTEXTS, REQUESTS, TOKENS, ROUNDS, SAMPLES = (1024, 1536), 2, 5, 1, 6
LADDER = rungs("ladder", masks_prefix=False)
PRESETS = ("sink_local_oracle_top_k", "sink_local_magic_pig")
REFERENCE = {"samples": 8, "context": 4096, "tokens": 5, "requests": 2}
REFERENCE_SECONDS = 93.6
"""The public reference's own search with these settings, concurrency 1, on another day's 2 cores."""


def stacks() -> dict[str, list[MaskerConfig]]:
    """The configurations to time."""
    sink, local, top_k, pig = (get_masker_config(name) for name in ("sink", "local", "oracle_top_k", "magic_pig"))
    slices = [sink(sink_size=16), local(window_size=64)]
    return {
        "local_sink": slices[::-1],
        "sink_local_oracle_top_k, 5%": [*slices, top_k(heavy_size=0.05)],
        "sink_local_magic_pig, 75 tables of 8 bits": [*slices, pig()],
    }


def configurations(loaded: LoadedModel, model: str, context: int, folder: Path) -> None:
    """Print seconds per configuration at each rung of a ladder, beside the baseline's, taken in turn."""
    workbench = set_up(folder / "traces", context, REQUESTS, max_new_tokens=TOKENS, loaded=loaded)
    print(f"\n{TASK}, {context} tokens, {REQUESTS} requests, {TOKENS} new tokens, one thread, without Ray")
    print(f"recorded once for all configurations, prefill included: {seconds(workbench.record):.2f} s")
    jobs = {name: write_job(folder / f"{name}.json", workbench, model, stack) for name, stack in stacks().items()}
    for stack in stacks().values():
        workbench.measures(stack, "F0")
    trials = {name: [] for name in jobs}
    times: dict[tuple[str, Rung], list[float]] = {(name, rung): [] for name in jobs for rung in LADDER}
    for _ in range(ROUNDS):
        for name, stack in stacks().items():
            trials[name].append(run_trial(jobs[name]))
            for rung in LADDER:
                times[name, rung].append(seconds(lambda: workbench.trial(stack, rung)))
    for name, stack in stacks().items():
        baseline = [trial["all"] for trial in trials[name]]
        parts = ", ".join(
            f"{part} {statistics.median(trial[part] for trial in trials[name]):.2f}"
            for part in ("imports", "load", "prefill", "decode")
        )
        print(f"  {name}\n    baseline, a process per trial  {spread(baseline, 2)} s; of it {parts}")
        draws = stack[-1].samples
        for rung in LADDER:
            taken, shown = times[name, rung], f"{rung.num_requests(REQUESTS)} requests"
            what = f"{rung.fidelity}, {shown}" + (f", {rung.num_seeds} seeds" if draws and rung.num_seeds > 1 else "")
            ratio = statistics.median(b / t for b, t in zip(baseline, taken, strict=True))
            print(f"    {what:28}  {spread(taken)} s; {ratio:.1f}x")
    print(load(), flush=True)


def whole_search(loaded: LoadedModel, model: str, context: int, folder: Path) -> None:
    """Print the wall time of a search of two presets, beside the baseline's on as many processes at a time."""
    workbench = set_up(folder / "unused", context, REQUESTS, max_new_tokens=TOKENS, loaded=loaded)
    cores = num_cores()
    print(f"\n`sparse-hub search`, {context} tokens, {SAMPLES} samples of {' and '.join(PRESETS)}, {cores} workers")
    ladder = search_seconds(settings("demo", folder, SAMPLES, context, TOKENS, REQUESTS, PRESETS), folder / "runs")
    tell(ladder)
    total = 0.0
    for preset in PRESETS:
        drawn = workbench.random_configurations(optimizer_of(preset), cores * ROUNDS, seed=0)
        jobs = [write_job(folder / f"{preset}{i}.json", workbench, model, stack) for i, stack in enumerate(drawn)]
        groups = [jobs[start : start + cores] for start in range(0, len(jobs), cores)]
        taken = [run_trials(group, cores) / cores for group in groups]
        total += SAMPLES * statistics.mean(taken)
        print(f"  baseline, {preset}: {spread(taken, 2)} s on the clock per trial, {cores} at a time")
    print(
        f"  baseline, {SAMPLES} trials of each, extrapolated: {total:.0f} s; ratio {total / ladder['all']:.1f}x, "
        f"of recording and rungs alone {total / searching(ladder):.1f}x\n{load()}",
        flush=True,
    )


def settings(
    model: str,
    folder: Path,
    samples: int,
    context: int,
    tokens: int,
    requests: int,
    presets: Sequence[str],
) -> list[str]:
    """Return the flags of a search with traces of its own."""
    named = {
        "model": model,
        "benchmark": TASK,
        "num-samples": samples,
        "search-max-context-length": context,
        "search-max-new-tokens": tokens,
        "search-max-requests": requests,
        "device": "cpu",
        "trace-dir": folder / "traces-of-the-program",
    }
    flags = [part for name, value in named.items() for part in (f"--{name}", str(value))]
    return [*flags, *(part for preset in presets for part in ("--preset", preset))]


def searching(spent: dict[str, float]) -> float:
    """Return the seconds of recording and of all rungs."""
    return sum(taken for stage, taken in spent.items() if stage == "record" or stage.startswith("F"))


def tell(spent: dict[str, float]) -> None:
    """Print the stages of a search."""
    named = {"load": "load (Ray's start, the model in each worker)", "search": "between rungs"}
    stages = ", ".join(f"{named.get(stage, stage)} {taken:.1f}" for stage, taken in spent.items() if stage != "all")
    print(f"  {spent['all']:.1f} s: {stages}", flush=True)


def beside_the_reference(tokenizer_of: LoadedModel, folder: Path) -> None:
    """Print the search that the reference was timed at, on a model of the same shape."""
    shape = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2}
    tokenizer = tokenizer_of.tokenizer
    config = LlamaConfig(**shape, intermediate_size=688, vocab_size=len(tokenizer), max_position_embeddings=8192)
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    torch.manual_seed(0)
    model = folder / "model-of-the-same-shape"
    LlamaForCausalLM(config).save_pretrained(model)
    tokenizer.save_pretrained(model)
    samples, context, tokens, requests = REFERENCE.values()
    print(
        f"\nThe reference's own search: {samples} trials of sink x local, {context} tokens, {tokens} new, {requests} "
        f"requests, one at a time: {REFERENCE_SECONDS} s, measured across runs, not beside this one"
    )
    for fidelity in ("ladder", "F3"):
        arguments = settings(str(model), folder / fidelity, samples, context, tokens, requests, ["local_sink"])
        spent = search_seconds(
            [*arguments, "--max-concurrent", "1", "--fidelity", fidelity], folder / f"runs-{fidelity}"
        )
        print(f"  {fidelity}: ratio {REFERENCE_SECONDS / spent['all']:.1f}x, across runs")
        tell(spent)
    same = load_model(resolve_model(load_registry(), str(model)), "cpu")
    workbench = set_up(folder / "same", context, requests, max_new_tokens=tokens, loaded=same)
    workbench.record()
    stack = stacks()["local_sink"]
    for rung in LADDER:
        workbench.trial(stack, rung)
        taken = [seconds(lambda: workbench.trial(stack, rung)) for _ in range(ROUNDS)]
        ratio = REFERENCE_SECONDS / samples / statistics.median(taken)
        print(f"  {rung.fidelity} in this process: {spread(taken, 4)} s a configuration; {ratio:.0f}x, across runs")
    print(load(), flush=True)


def main() -> None:
    """Print all tables."""
    torch.set_num_threads(1)
    header("Seconds of a search")
    source = resolve_model(load_registry(), "demo")
    loaded = load_model(source, "cpu")
    print(f"the demo model loads in {seconds(lambda: load_model(source, 'cpu')):.2f} s where torch is imported")
    with tempfile.TemporaryDirectory() as name:
        for context in CONTEXTS:
            folder = Path(name) / str(context)
            folder.mkdir()
            configurations(loaded, source.location, context, folder)
            whole_search(loaded, source.location, context, folder)
        beside_the_reference(loaded, Path(name))


if __name__ == "__main__":
    main()
