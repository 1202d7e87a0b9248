"""Token F1 as ZeroSCROLLS computes it: accents and typographic signs do not tell words apart."""

from __future__ import annotations

import unicodedata

from sparse_hub_benchmarks_builtin.text_metrics.token_f1 import f1_of_tokens, normalise

_WITHOUT_DECOMPOSITION = str.maketrans(
    {
        "\u00df": "ss",
        "\u00e6": "ae",
        "\u00f0": "d",
        "\u00f8": "o",
        "\u00fe": "th",
        "\u0111": "d",
        "\u0131": "i",
        "\u0142": "l",
        "\u0153": "oe",
        "\u2010": "-",
        "\u2013": "-",
        "\u2014": "--",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
    }
)


def transliterated_f1(prediction: str, reference: str) -> float:
    """Return the F1 of the words of two texts, normalised as for SQuAD and then written in ASCII, between 0 and 1."""
    return f1_of_tokens(_words(prediction), _words(reference))


def _words(text: str) -> list[str]:
    # Punctuation is gone by then, but only what is ASCII: a typographic apostrophe becomes part of its word.
    return to_ascii(normalise(text)).split()


def to_ascii(text: str) -> str:
    """Return a lower-case text with Latin letters and typographic signs in ASCII, other scripts as they are."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_WITHOUT_DECOMPOSITION))
    return "".join(character for character in decomposed if not unicodedata.combining(character))
