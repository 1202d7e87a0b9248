"""What a search costs on paper: prints the tables of docs/scaling.md as markdown; nothing is measured or timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from on_paper.formulas import (
    H100,
    H200,
    Machine,
    Model,
    Search,
    Work,
    prefill,
    prefill_flops,
    replay,
    restore,
    rungs,
    snapshot_bytes,
    trace_bytes,
)
from on_paper.markdown import short, size, table
from on_paper.plan import (
    ladder,
    one_after_another,
    only_generating,
    record,
    recording,
    shared_once,
    sharing_nothing,
    total,
    whole_run,
)

MODEL, SEARCH, MACHINES = Model(), Search(), (H100, H200)
DRAWING = replace(SEARCH, seeds=(1, 1, 2, 3))
CONTEXTS, GPUS, BATCHES = (32768, 131072), (1, 8, 64), (1, 16)
LENGTHS = ("32K", "128K")
GB, TERA, MILLI = 1e9, 1e12, 1e-3


def assumptions() -> str:
    """What is taken of the machines."""

    def row(name: str, value: Callable[[Machine], str]) -> list[str]:
        return [name, *(value(machine) for machine in MACHINES)]

    return table(
        ["assumed, not measured", *(machine.name for machine in MACHINES)],
        [
            row("bf16 peak, data sheet, TFLOP/s", lambda on: short(on.peak_flops / TERA)),
            row("share of it that is reached", lambda on: f"{on.share_of_flops:.0%}"),
            row("memory bandwidth peak, data sheet, TB/s", lambda on: short(on.peak_bandwidth / TERA)),
            row("share of it that is reached", lambda on: f"{on.share_of_bandwidth:.0%}"),
            row("host to GPU from mapped files, and back, GB/s per GPU", lambda on: short(on.pcie / GB)),
            row("disk of a node, read / write, GB/s", lambda on: f"{on.disk_read / GB:g} / {on.disk_write / GB:g}"),
            row("shared folder, read, GB/s per node", lambda on: short(on.shared_folder / GB)),
            row("Python and launches of a masker stack, ms per layer call", lambda on: short(1e3 * on.sparse_call)),
            row("the same of the rest of a layer, ms", lambda on: short(1e3 * on.layer_call)),
            row("start a process and import, s", lambda on: short(on.process_start)),
            row("hand a trial to a worker and write it down, s", lambda on: short(on.trial_start)),
            row("memory, GB", lambda on: short(on.memory / GB)),
            row("GPUs per node", lambda on: str(on.gpus_per_node)),
        ],
    )


def sizes() -> str:
    """Bytes of what is kept."""

    def row(name: str, value: Callable[[int], float]) -> list[str]:
        return [name, *(size(value(tokens)) for tokens in CONTEXTS)]

    def kept(tokens: int) -> int:
        return snapshot_bytes(MODEL, SEARCH, tokens)

    def worker(tokens: int) -> float:
        activations = tokens * (3 * MODEL.intermediate + 2 * MODEL.hidden) * MODEL.value_bytes
        return MODEL.weight_bytes + MODEL.kv_bytes(tokens) + activations

    return table(
        ["", *LENGTHS],
        [
            row("K and V of one token, all layers", lambda _: MODEL.kv_bytes(1)),
            row("K and V of a prefix, one layer", lambda tokens: MODEL.kv_bytes(tokens, 1)),
            row("K and V of a prefix, all layers", MODEL.kv_bytes),
            row(f"of it the {SEARCH.f0_layers} layers of F0", lambda n: MODEL.kv_bytes(n, SEARCH.f0_layers)),
            row(f"prefix snapshot on disk, with the last {SEARCH.kept_queries} queries", kept),
            row("queries of one position, all layers (outputs: the same)", lambda _: MODEL.row_bytes(1)),
            row("trace of a question beside its prefix", lambda _: trace_bytes(MODEL, SEARCH)),
            row(
                f"search: {SEARCH.requests} snapshots and traces",
                lambda n: SEARCH.requests * (kept(n) + trace_bytes(MODEL, SEARCH)),
            ),
            row(f"validation: {SEARCH.validation_requests} snapshots", lambda n: SEARCH.validation_requests * kept(n)),
            row("weights", lambda _: MODEL.weight_bytes),
            row("GPU memory of a worker in a prefill, at least", worker),
        ],
    )


def limit() -> str:
    """What the default limit of the folder of traces leaves of a search's requests."""
    names = ["layers recorded", "prefixes kept", "prefilled again by F2 and F3, GPU s per preset"]
    columns = []
    for tokens in CONTEXTS:
        wanted = SEARCH.requests * (MODEL.kv_bytes(tokens) + trace_bytes(MODEL, SEARCH))
        layers = min(MODEL.layers, int(MODEL.layers * SEARCH.trace_limit / wanted))
        prefilled = zip(SEARCH.configurations[2:], SEARCH.rung_requests[2:], strict=True)
        again = sum(map(math.prod, prefilled)) * prefill(MODEL, tokens).seconds(H100)
        fits = layers == MODEL.layers
        columns.append([f"{layers} of {MODEL.layers}", "all" if fits else "none", short(0.0 if fits else again)])
    rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    return table([f"a limit of {size(SEARCH.trace_limit)}", *LENGTHS], rows)


def work() -> str:
    """What each step is made of, per request and, from F0 on, per configuration."""
    rows = []
    for tokens, length in zip(CONTEXTS, LENGTHS, strict=True):
        steps = {"prefill": prefill(MODEL, tokens), "record": record(MODEL, SEARCH, tokens)}
        for name, step in {**steps, **rungs(MODEL, SEARCH, tokens)}.items():
            rows.append([f"{length} {name}", *step_cells(step)])
    header = ["one request", "TFLOP", "GPU reads, GB", "copied, GB", "ms copying", "ms on the GPU", "ms in Python"]
    return table([*header, "ms, H100", "ms, H200"], rows)


def step_cells(step: Work) -> list[str]:
    """The numbers of one step."""
    amounts = (step.flops / TERA, step.read / GB, step.copied / GB)
    seconds = (step.copied / H100.pcie, step.gpu_seconds(H100), step.host_seconds(H100))
    times = (*seconds, step.seconds(H100), step.seconds(H200))
    return [*(short(amount) for amount in amounts), *(f"{time / MILLI:,.0f}" for time in times)]


def prefills() -> str:
    """The FLOPs of a prefill beside those of a replay of the same question."""
    rows = []
    for tokens, length in zip(CONTEXTS, LENGTHS, strict=True):
        weights, attention = prefill_flops(MODEL, tokens)
        scores = 2.0 * SEARCH.positions * tokens * MODEL.width * MODEL.layers
        whole = replay(MODEL, SEARCH, tokens, SEARCH.positions, MODEL.layers).flops
        ratio = (weights + attention) / scores
        numbers = [value / TERA for value in (weights, attention, weights + attention, scores, whole)]
        rows.append([length, *(short(number) for number in numbers), f"{ratio:,.0f}"])
    header = ["TFLOP", "weights", "attention", "prefill", "F1: scores of all keys", "F1: all of it"]
    return table([*header, "prefill / scores"], rows)


def clock() -> str:
    """Seconds on the clock by phase, context and GPUs."""
    columns = [(tokens, gpus) for tokens in CONTEXTS for gpus in GPUS]
    runs = [whole_run(MODEL, SEARCH, H100, *column) for column in columns]
    rows = []
    for name in dict.fromkeys(phase.name for phase in runs[0]):
        cells = [
            total([phase for phase in run if phase.name == name], gpus)
            for run, (_, gpus) in zip(runs, columns, strict=True)
        ]
        rows.append([name, *(short(cell) for cell in cells)])
    totals = [total(run, gpus) for run, (_, gpus) in zip(runs, columns, strict=True)]
    rows.append(["**all**", *(f"**{short(cell)}**" for cell in totals)])
    header = [f"{length}, {gpus} GPU{'s' * (gpus > 1)}" for length in LENGTHS for gpus in GPUS]
    return table([f"seconds, {SEARCH.presets} presets together, H100", *header], rows)


def ratios() -> str:
    """The search stage in three ways: seconds per configuration, and of all presets on the clock."""
    rows = []
    for tokens, length in zip(CONTEXTS, LENGTHS, strict=True):
        reference = sharing_nothing(MODEL, SEARCH, H100, tokens)
        ways = {
            "the reference's way": (reference, False),
            "`--fidelity F3`": (only_generating(MODEL, SEARCH, H100, tokens), True),
            "the ladder": (ladder(MODEL, SEARCH, H100, tokens), True),
            "the ladder, of stacks that draw keys": (ladder(MODEL, DRAWING, H100, tokens), True),
        }
        for name, (way, shares) in ways.items():
            each = [one_after_another(found) / SEARCH.configurations[0] for found in (way, reference)]
            cells = [short(each[0]), f"{each[1] / each[0]:.1f}x"]
            for gpus in GPUS:
                once = total(shared_once(MODEL, SEARCH, H100, tokens, gpus), gpus) if shares else 0.0
                seconds = once + total(way * SEARCH.presets, gpus)
                cells.append(f"{short(seconds)} ({total(reference * SEARCH.presets, gpus) / seconds:.1f}x)")
            rows.append([f"{length}, {name}", *cells])
        nothing_copied = replace(rungs(MODEL, SEARCH, tokens)["F0"], copied=0.0).seconds(H100)
        nothing_copied *= SEARCH.rung_requests[0]
        replayed = one_after_another(ladder(MODEL, SEARCH, H100, tokens)[:1]) / SEARCH.configurations[0]
        for name, alone in (("F0 alone", replayed), ("F0 alone, if nothing were copied", nothing_copied)):
            ratio = one_after_another(reference) / SEARCH.configurations[0] / alone
            rows.append([f"{length}, {name}", short(alone), f"{ratio:.1f}x", "", "", ""])
    header = ["search stage", "GPU s per configuration", "ratio"]
    return table([*header, *(f"{gpus} GPU{'s' * (gpus > 1)}, s (ratio)" for gpus in GPUS)], rows)


def busy() -> str:
    """How many GPUs each phase can use."""
    names = ["recording", "F0", "F1", "F2", "F3", "validation"]
    jobs = [SEARCH.requests, *SEARCH.configurations, SEARCH.validation_requests]
    return table(["GPUs that have work", *names], [[f"of {n}", *(str(min(n, job)) for job in jobs)] for n in GPUS])


def nodes() -> str:
    """How a node comes by what the search's requests need."""

    def cells(value: Callable[[int], float]) -> list[str]:
        return [short(value(tokens)) for tokens in CONTEXTS]

    def kept(tokens: int) -> int:
        return SEARCH.requests * snapshot_bytes(MODEL, SEARCH, tokens)

    def makes_its_own(tokens: int) -> float:
        return recording(MODEL, SEARCH, H100, tokens, H100.gpus_per_node).seconds(1)

    def in_turn(tokens: int) -> float:
        return recording(MODEL, SEARCH, H100, tokens, 1).seconds(1)

    return table(
        [f"seconds for {SEARCH.requests} requests, one node", *LENGTHS],
        [
            ["makes its own with 8 GPUs, and writes it", *cells(makes_its_own)],
            ["makes its own one after another, and writes it", *cells(in_turn)],
            ["reads it from a shared folder", *cells(lambda n: kept(n) / H100.shared_folder)],
            ["reads it again from its own disk", *cells(lambda n: kept(n) / H100.disk_read)],
            ["copies it to one GPU from memory", *cells(lambda n: SEARCH.requests * restore(MODEL, n).seconds(H100))],
        ],
    )


def gains() -> str:
    """What sparse attention could gain at most in a decode step, by bytes."""
    rows = []
    for tokens, length in zip(CONTEXTS, LENGTHS, strict=True):
        for batch in BATCHES:
            cache = batch * MODEL.kv_bytes(tokens)
            share = cache / (cache + MODEL.weight_bytes)
            shown = [short(cache / GB), short(MODEL.weight_bytes / GB), f"{share:.0%}", f"{1 / (1 - share):.2f}x"]
            rows.append([f"{length}, batch {batch}", *shown])
    return table(["one decode step", "K and V, GB", "weights, GB", "share of attention", "end to end at most"], rows)


TABLES = (assumptions, sizes, limit, prefills, work, clock, busy, ratios, nodes, gains)


def tables() -> dict[str, str]:
    """All tables by name."""
    return {make.__name__: make() for make in TABLES}


if __name__ == "__main__":
    for name, text in tables().items():
        print(f"<!-- cost_on_paper: {name} -->\n{text}\n")
