"""Lines with a magic number each, of which one is asked for."""

import itertools
import random

from sparse_hub_core import Benchmark, Question, Request, UsageError

HEAD = (
    "Some special magic numbers are hidden within the following text. "
    "Make sure to memorize it. I will quiz you about the numbers afterwards.\n"
)
QUESTION = "What is the special magic number for {word} mentioned in the provided text?"
PREFIX = " The special magic number for {word} mentioned in the provided text is"
MAX_NEW_TOKENS = 12
WORDS = [f"{first}-{second}" for first in ("red", "green", "blue", "white") for second in ("fox", "hat", "cup", "key")]


class Echo(Benchmark):
    def requests(self, subset, lengths, seed):
        if subset != "repeat":
            raise UsageError(f"echo has no subset {subset!r}; it has 'repeat'.")
        line = lengths.count_tokens(_line(WORDS[0], 1234567))
        around = lengths.count_tokens(HEAD + (QUESTION + PREFIX).format(word=WORDS[0])) + MAX_NEW_TOKENS
        count = (lengths.max_context_length - around) // (line + 2)
        if count < 1:
            raise UsageError(f"echo/repeat needs a context of at least {around + line + 2} tokens.")
        return (_request(index, count, seed) for index in itertools.count())

    def score(self, prediction, question):
        return 100.0 * all(reference in prediction for reference in question.references)


def _request(index, count, seed):
    rng = random.Random(f"echo-{seed}-{index}")
    words = [rng.choice(WORDS) for _ in range(count)] if count > len(WORDS) else rng.sample(WORDS, count)
    numbers = {word: rng.randint(1_000_000, 9_999_999) for word in sorted(set(words))}
    word = rng.choice(words)
    question = Question(
        QUESTION.format(word=word), (str(numbers[word]),), PREFIX.format(word=word), max_new_tokens=MAX_NEW_TOKENS
    )
    context = HEAD + "".join(_line(each, numbers[each]) for each in words)
    return Request(f"repeat-{count}-s{seed}-{index}", context, (question,))


def _line(word, number):
    return f"One of the special magic numbers for {word} is: {number}.\n"
