"""Numbers in sentences, and texts of others in them."""

from __future__ import annotations

from collections.abc import Mapping

from sparse_hub_core.fidelity import FIDELITIES


def count(number: int, noun: str) -> str:
    """Return "1 trial" or "2 trials"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def by_fidelity(numbers: Mapping[str, int]) -> str:
    """Return "50 F0, 17 F1", the cheapest fidelity first."""
    return ", ".join(f"{numbers[fidelity]} {fidelity}" for fidelity in FIDELITIES if numbers.get(fidelity))


def one_line(text: str) -> str:
    """Return a text of others without line breaks and codes for terminals."""
    return "".join(character if character.isprintable() else " " for character in text)
