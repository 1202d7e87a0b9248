"""Tasks on random tokens: recall and copying."""

from __future__ import annotations

import numpy as np
from tokenizers import Tokenizer

from sparse_hub_benchmarks_builtin.demo_model_training.batch import Sample
from sparse_hub_benchmarks_builtin.demo_model_training.templates import NOISE
from sparse_hub_benchmarks_builtin.demo_model_training.tokenizer import BOS, EOS, PAD, read_words

_SIDE_WEIGHT = 0.1
_SIDE_SHARE = 0.04


class SyntheticTasks:
    """Draws samples that have nothing to do with RULER but teach what it needs.

    Args:
        tokenizer: The demo model's tokenizer.
        seed: Seeds all draws.
    """

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self._tokenizer = tokenizer
        self._adjectives = [self._ids(f" {word}") for word in read_words("adjective")]
        self._nouns = [self._ids(f"-{word}") for word in read_words("noun")]
        self._bos, self._eos, self.pad = (int(tokenizer.token_to_id(token) or 0) for token in (BOS, EOS, PAD))
        self._newline = self._ids("\n")
        self._noise = self._ids(NOISE)
        self._vocabulary = tokenizer.get_vocab_size()
        self._single_words = np.array([ids[0] for ids in self._adjectives + self._nouns if len(ids) == 1])
        self._numbers = np.array([self._ids(f" {n}")[0] for n in range(100, 1000)])

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _random_tokens(self, count: int) -> list[int]:
        return [int(i) for i in self.rng.integers(3, self._vocabulary, count)]

    def _side_weights(self, count: int) -> list[float]:
        return [float(w) for w in (self.rng.random(count) < _SIDE_SHARE) * _SIDE_WEIGHT]

    def recall(self, length: int) -> Sample:
        """`ar`: random key-value pairs and copied segments; from it heads learn to look things up at all."""
        rng = self.rng
        tokens, weights = [self._bos], [0.0]
        if rng.random() < 0.6:
            count = (length - 1) // 4
            keys, values = self._random_tokens(count), self._random_tokens(count)
            tokens += [t for pair in zip(keys, values, strict=True) for t in pair]
            weights += [0.0] * (2 * count)
            for i in rng.integers(0, count, (length - len(tokens)) // 2):
                tokens += [keys[int(i)], values[int(i)]]
                weights += [0.0, 1.0]
        else:
            tokens += self._random_tokens(length // 2)
            weights += [0.0] * (length // 2)
            while len(tokens) < length - 6:
                size = int(rng.integers(3, 9))
                start = int(rng.integers(1, max(2, length // 2 - size)))
                tokens += tokens[start : start + size]
                weights += [0.0] + [1.0] * (size - 1)
        return Sample(tokens[:length], weights[:length])

    def gap(self, length: int) -> Sample:
        """`gap`: "K gap1 V ... K gap2 V", constant random gaps; without it no needle lookup is learned."""
        rng = self.rng
        worded, two = rng.random() < 0.5, rng.random() < 0.6
        inner, outer = (
            self._random_tokens(int(rng.integers(0, 5))),
            self._random_tokens(int(rng.integers(0, 9))),
        )
        before, after = (
            self._random_tokens(int(rng.integers(0, 4))),
            self._random_tokens(int(rng.integers(0, 3))),
        )
        value_size = int(rng.integers(1, 4))
        entry = 1 + int(two) + len(inner) + len(before) + len(after) + value_size
        count = max(2, int(length * 0.55) // entry)
        pool = self._single_words if worded else np.arange(3, self._vocabulary)
        firsts = rng.choice(pool, max(2, count // 2) if two else count * 2)
        seconds = rng.choice(pool, max(3, count // 2))
        keys: list[list[int]] = []
        for _ in range(count * 3):
            key = [int(firsts[int(rng.integers(len(firsts)))])]
            key += [int(seconds[int(rng.integers(len(seconds)))])] if two else []
            if key not in keys and len(keys) < count:
                keys.append(key)
        values = [
            [
                int(rng.choice(self._numbers)) if worded else self._random_tokens(1)[0],
                *self._random_tokens(value_size - 1),
            ]
            for _ in keys
        ]
        tokens = [self._bos]
        for key, value in zip(keys, values, strict=True):
            tokens += before + key + inner + value + after
        weights = self._side_weights(len(tokens))
        while len(tokens) < length:
            i = int(rng.integers(len(keys)))
            tokens += before + keys[i] + outer + values[i] + after
            weights += [0.0] * (len(before + keys[i] + outer)) + [1.0] * value_size + [0.0] * len(after)
        return Sample(tokens[:length], weights[:length])
