"""When a check says nothing of a masker: what it declares decides."""

from __future__ import annotations

from sparse_hub_core.testing.maskers.subject import Subject


def decodes(subject: Subject) -> str | None:
    """Its queries come after the prefix."""
    return None if subject.stage == "decode" else "it masks the prefix's own queries, where there are no steps"


def restricts(subject: Subject) -> str | None:
    """It narrows what others chose."""
    return None if subject.role == "restrict" else "it does not restrict what others chose"


def searched(subject: Subject) -> str | None:
    """Something of it is searched."""
    return None if subject.space else "nothing of it is searched"


def has_budget(subject: Subject) -> str | None:
    """It declares a budget."""
    return None if subject.config_class.budget_field else "it declares no budget_field"


def is_bounded(subject: Subject) -> str | None:
    """It says how many keys it adds at most."""
    return None if subject.small.max_keys(subject.length) is not None else "it declares no max_keys"


def has_groups(subject: Subject) -> str | None:
    """It fits several KV heads."""
    return "it fits only one KV head" if subject.heads and subject.heads[1] == 1 else None


def chooses_by_index(subject: Subject) -> str | None:
    """Choosing has no reason to read the keys of the prefix themselves."""
    if subject.config_class.scores_every_key:
        return "it declares that it scores every key"
    if subject.config_class.samples:
        return "it samples, which may read keys to weigh them"
    return "it may read the keys that others chose" if subject.role == "restrict" else None


def samples(subject: Subject) -> str | None:
    """It draws keys."""
    return None if subject.config_class.samples else "it does not declare that it samples"


def names_files(subject: Subject) -> str | None:
    """Some of its fields name files."""
    return None if subject.config_class.file_fields else "it declares no file_fields"


def has_files(subject: Subject) -> str | None:
    """The config that is checked names a file."""
    reason = names_files(subject)
    if reason is None and not subject.files:
        reason = "the config that is checked names no file; hand one that does to masker_checks(config=...)"
    return reason
