"""Redis's glob patterns: ``*``, ``?``, ``[a-z]``, ``[^a]`` and ``\\`` before a character meant literally.

Only the last star is ever reconsidered, so a match costs at most pattern length times text length.
"""

from __future__ import annotations

from collections.abc import Callable

Token = Callable[[str], bool] | None  # None stands for a star


def matches(pattern: str, text: str, *, exact: bool = False) -> bool:
    """Whether the whole text matches, upper and lower case being the same unless `exact`."""
    if exact:
        return _match(_tokens(pattern), text)
    return _match(_tokens(pattern.lower()), text.lower())


def compiled(pattern: str) -> Callable[[str], bool]:
    """A test for many texts; upper and lower case differ."""
    tokens = _tokens(pattern)
    return lambda text: _match(tokens, text)


def is_pattern(text: str) -> bool:
    return any(character in "*?[" for character in text)


def _match(tokens: list[Token], text: str) -> bool:
    at = token = 0
    star, resume = -1, 0
    while at < len(text):
        expected = tokens[token] if token < len(tokens) else _nothing
        if expected is None:
            star, resume = token, at
            token += 1
        elif expected(text[at]):
            token, at = token + 1, at + 1
        elif star >= 0:
            resume += 1
            token, at = star + 1, resume
        else:
            return False
    return all(rest is None for rest in tokens[token:])


def _nothing(_: str) -> bool:
    return False


def _tokens(pattern: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            tokens.append(None)
        elif character == "?":
            tokens.append(lambda _: True)
        elif character == "[":
            token, at = _class(pattern, at)
            tokens.append(token)
        else:
            if character == "\\" and at < len(pattern):
                character = pattern[at]
                at += 1
            tokens.append(character.__eq__)
    return tokens


def _class(pattern: str, at: int) -> tuple[Token, int]:
    """The class that opens before `at`; one that is never closed ends with the pattern, as in Redis."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[str, str]] = []
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
            ranges.append((pattern[at], pattern[at]))
        elif pattern[at + 1 : at + 2] == "-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            ranges.append((low, high))
            at += 2
        else:
            ranges.append((pattern[at], pattern[at]))
        at += 1
    return (lambda c: any(low <= c <= high for low, high in ranges) != negated), at + 1
