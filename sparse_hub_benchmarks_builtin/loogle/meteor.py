"""METEOR as LooGLE takes it from nltk, over the distinct words of both texts."""

from __future__ import annotations

from sparse_hub_core import UsageError


def meteor(prediction: str, reference: str) -> float:
    """Return METEOR between 0 and 1.

    LooGLE passes sets, whose order, and with it the score, changes from process to process; here each word stands
    where it first occurred.
    """
    # Imported here because nltk takes two seconds, and only who asks for this metric needs it.
    from nltk.translate.meteor_score import single_meteor_score

    return float(single_meteor_score(_distinct(reference), _distinct(prediction)))


def check_meteor() -> None:
    """Raise a UsageError where WordNet, from which METEOR takes synonyms, is missing or broken."""
    from nltk.corpus import wordnet

    try:
        wordnet.synsets("word")
    except (LookupError, OSError) as error:
        # OSError covers an archive that was not downloaded completely.
        raise UsageError(
            "The metric meteor needs nltk's WordNet, which cannot be read here: run `python -m nltk.downloader "
            "wordnet`, or name a folder with corpora/wordnet in the environment variable NLTK_DATA."
        ) from error


def _distinct(text: str) -> list[str]:
    return list(dict.fromkeys(text.split()))
