"""Maskers and hooks that load well and fail at work."""

from sparse_hub_core import fixed, hookimpl

NAMES = ("raising", "nan", "hanging", "dying", "exhausting", "never_feasible", "half_faulty")


@hookimpl
def register_maskers(register):
    for name in NAMES:
        register(
            name,
            f"sparse_hub_faulty.faulty:{name.title().replace('_', '')}Config",
            role="selector",
            summary=f"a {name} masker",
        )


@hookimpl
def register_presets(register):
    register("half_faulty_only", [fixed("local", window_size=64), "half_faulty"], summary="one good value of two")


@hookimpl
def trial_finished(trial):
    raise ValueError(f"no trial is good enough, this one was {trial.status}")


@hookimpl
def cell_finished(cell):
    raise SystemExit(f"enough of {cell.task}")
