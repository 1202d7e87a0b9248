"""Predictions that a metric does not expect, from models that ramble, repeat, or write code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

HOSTILE: Mapping[str, str] = {
    "an empty prediction": "",
    "spaces": " \t\n\u3000 ",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85\u2028\ufffd",
    "signs of regular expressions": r"(?P<x>[a-z]+)*$ \1 {0} %s \\ ' \" `",
    "an open bracket": "(",
    "letters of options": "A B C D E F",
    "emoji": "\U0001f44d\U0001f3fd \U0001f937\u200d\u2642\ufe0f",
    "full-width digits": "\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
    "digits that are no numbers": "\u00b2\u00b3 \u2460 \u0663 \\boxed{\u00b2}",
    "numbers that are none": "nan inf -inf 1e400 -0 0x1f 1_000 [nan, 1e999]",
    "a mapping of odd keys": '{"a": null, 1: [1, {"c": NaN}], (1, 2): {3}, None: b"x"}',
    "code": "def f(x):\n    return f(f(x))\n\n```python\nwhile True: pass\n```\n",
}
LONG: Mapping[str, str] = {
    "5000 words": " ".join(f"word{index % 97}" for index in range(5000)),
    "a number of 9000 digits": "9" * 9000 + " \\boxed{" + "9" * 9000 + "}",
    "100000 open brackets": "[" * 100_000,
    "300 nested brackets": "[" * 300 + "]" * 300,
    "boxes in boxes": "\\boxed{" * 3000 + "}" * 3000,
    "a long sum": "+".join("1" * 20_000),
    "one word of 20000 letters": "ab" * 10_000,
    "20000 lines": "\n" * 20_000 + "a",
}
"""Those that cost a metric time, so that a single question has to do."""


def code_that_leaves_a_file(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield code by where it stands; whoever runs it leaves a file in the folder."""
    path = str(folder / "left")
    call = f"__import__('os').system('touch {path}')"
    opened = f"open({path!r}, 'w')"
    for code in (call, opened):
        yield "a call", code
        yield "a list", f"[{code}]"
        yield "a mapping", f"{{'1': {code}, {code}: 2}}"
        yield "a box", f"\\boxed{{{code}}}"
        yield "an answer", f"The correct answer is ({code})"
        yield "a block", f"```python\n{code}\n```"
    yield "a statement", f"import os\nos.system('touch {path}')"
    yield "a template", f"{{{opened}}} ${{{opened}}} %({opened})s"
