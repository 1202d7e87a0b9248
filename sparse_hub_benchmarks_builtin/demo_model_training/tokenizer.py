"""Builds the demo model's tokenizer.

Every wonderwords noun and adjective must be one token where RULER uses it, because a four-layer model
cannot also spend layers on assembling words. A byte-level BPE with `ignore_merges` gives that: a piece that
stands in the vocabulary as a whole is taken as it is, and anything else falls back to a few learned merges
and finally to bytes.
"""

from __future__ import annotations

import itertools
import json
import re
import string
from importlib import resources
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from sparse_hub_benchmarks_builtin.demo_model_training.templates import TEMPLATE_TEXTS

BOS = "<|begin|>"
EOS = "<|end|>"
PAD = "<|pad|>"
SPECIAL_TOKENS = (PAD, BOS, EOS)

# The order matters: `VAR` before the capitals, capitals in pairs (RULER's variable names are random letters,
# so whole names cannot be tokens), digits in threes with an optional leading space so that a value looks the
# same after ":" in a needle and after "is" in the answer.
_PIECES = (
    r" ?VAR(?![A-Za-z])",
    r" ?[A-Z]{2}(?![a-z])",
    r" ?[A-Z](?![a-z])",
    r"[ -]?[A-Za-z][a-z]*",
    r" ?[0-9]{1,3}",
    r"\n",
    r" ?[^\s\p{L}\p{N}]+",
    r" ?\p{L}+",
    r" ?\p{N}+",
    r"[^\S\n]+(?!\S)",
    r"\s",
)
PATTERN = "|".join(_PIECES)

_FALLBACK_MERGES = 700


def read_words(kind: str) -> list[str]:
    """Returns the wonderwords list that RULER draws from.

    Args:
        kind: `noun` or `adjective`.

    Returns:
        The words in the order of the package's own file; some hold a space or a hyphen.
    """
    text = resources.files("wonderwords").joinpath("assets", f"{kind}list.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _whole_pieces(splitter: pre_tokenizers.PreTokenizer) -> list[str]:
    """Returns all pieces (in byte-level spelling) that become single tokens."""
    words = [f" {word}" for word in read_words("adjective")] + [f"-{word}" for word in read_words("noun")]
    pairs = ["".join(pair) for pair in itertools.product(string.ascii_uppercase, repeat=2)]
    capitals = [*string.ascii_uppercase, *pairs]
    digits = [str(n).zfill(width) for width in (1, 2, 3) for n in range(10**width)]
    pieces: list[str] = []
    for text in [*TEMPLATE_TEXTS, *words, *capitals] + [f" {c}" for c in capitals] + digits + [f" {d}" for d in digits]:
        pieces += [piece for piece, _ in splitter.pre_tokenize_str(text)]
    return list(dict.fromkeys(pieces))


def build_tokenizer() -> Tokenizer:
    """Builds the tokenizer from the wonderwords lists and the RULER templates.

    Returns:
        The tokenizer; it puts the BOS token first whenever special tokens are asked for.
    """
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # The fallback merges come from the same words with a leading space: other English text then needs about
    # two letters per token instead of one.
    base = Tokenizer(models.BPE())
    base.pre_tokenizer = splitter
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(SPECIAL_TOKENS) + _FALLBACK_MERGES,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    corpus = [f" {re.sub('[- ]', ' ', word)}" for kind in ("adjective", "noun") for word in read_words(kind)]
    base.train_from_iterator(corpus, trainer)
    learned = json.loads(base.to_str())["model"]
    vocabulary: dict[str, int] = dict(learned["vocab"])
    merges = [tuple(merge) for merge in learned["merges"]]
    for piece in _whole_pieces(splitter):
        vocabulary.setdefault(piece, len(vocabulary))

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, model_max_length: int) -> None:
    """Writes `tokenizer.json` and `tokenizer_config.json`.

    Args:
        tokenizer: What `build_tokenizer` returned.
        folder: Where to write; made if missing.
        model_max_length: The longest context the model was measured good at.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "model_max_length": model_max_length,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
