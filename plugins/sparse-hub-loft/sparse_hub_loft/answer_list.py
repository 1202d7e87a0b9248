"""Find the answers in what a model wrote.

The official code hands the list to ``ast.literal_eval``. This reads lists of strings and numbers by itself, so that
nothing a model says is parsed as Python, and no depth or length of it can crash.
"""

from __future__ import annotations

import re
from itertools import pairwise

_QUOTE_IN_A_WORD = re.compile(r"([a-zA-Z0-9])'([a-zA-Z0-9])")
_TOKEN = re.compile(r"""\s*('[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|[\[\],]|[^\s\[\],'"]+)""")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})|(.))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "'": "'", '"': '"', "\\": "\\"}
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)")
_MAX_DEPTH = 20
_MAX_DIGITS = 300


def predicted_answers(prediction: str) -> tuple[str, ...]:
    """Return the list of the first line that says "final answer" and has brackets; none where it cannot be read."""
    for line in prediction.replace("*", "").replace("`", "").strip().split("\n"):
        if "final answer" in line.lower() and "[" in line and "]" in line:
            brackets = line[line.find("[") : line.rfind("]") + 1]
            # Models write 'the devil's sleep' without a backslash.
            return read_list(_QUOTE_IN_A_WORD.sub(r"\1\'\2", brackets)) or ()
    return ()


def read_list(text: str) -> tuple[str, ...] | None:
    """Return the items of a list in Python's notation as texts, None where it is not one.

    Args:
        text: Begins with ``[`` and ends with ``]``. An inner list becomes one text in Python's notation, and so does
            each of several lists with commas between them.
    """
    tokens = _tokens(text)
    # The first holds the lists themselves, of which there may be several.
    open_lists: list[list[str]] = [[]]
    items: list[str] = []
    for before, token in pairwise((",", *tokens)):
        if not _may_follow(before, token):
            return None
        if token == "[" and len(open_lists) <= _MAX_DEPTH:
            open_lists.append([])
        elif token == "]" and len(open_lists) > 1:
            items = open_lists.pop()
            open_lists[-1].append(str(items))
        elif token != ",":
            value = _value(token)
            if value is None:
                return None
            # Strings side by side are one.
            joined = open_lists[-1].pop() if _is_string(before) else ""
            open_lists[-1].append(joined + value)
    if len(open_lists) > 1 or not tokens:
        return None
    return tuple(items) if len(open_lists[0]) == 1 else tuple(open_lists[0])


def _tokens(text: str) -> list[str]:
    """Return the parts of a list, none where a quote is never closed."""
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            return []
        tokens.append(match.group(1))
        position = match.end()
    return tokens


def _may_follow(before: str, token: str) -> bool:
    is_place_for_item = before in {"[", ","}
    if token == "]":
        return True
    if token == ",":
        return not is_place_for_item
    return is_place_for_item or (_is_string(before) and _is_string(token))


def _is_string(token: str) -> bool:
    return token[0] in "'\""


def _value(token: str) -> str | None:
    if _is_string(token):
        return _ESCAPE.sub(_unescaped, token[1:-1])
    if token in {"True", "False", "None"}:
        return token
    if len(token) > _MAX_DIGITS:
        return None
    if _INTEGER.fullmatch(token):
        return str(int(token))
    return str(float(token)) if _DECIMAL.fullmatch(token) else None


def _unescaped(match: re.Match[str]) -> str:
    *codes, sign = match.groups()
    code = next(filter(None, codes), None)
    return chr(int(code, 16)) if code else _ESCAPED.get(sign, match.group())
