"""What a server says of its commands (COMMAND DOCS), as hints, completions and help.

>>> docs = CommandDocs([b"get", [b"summary", b"Reads.", b"arguments", [[b"name", b"key", b"type", b"key"]]]])
>>> docs.hint(b"GET ")
'key'
>>> docs.hint(b"get k")
''
>>> docs.completions(b"ge")
['get']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from garrison.cli.core.replies import Map
from garrison.cli.core.words import split_count, split_line

__all__ = ["Argument", "CommandDoc", "CommandDocs"]

OWN_WORDS = ("help", "connect", "clear", "exit", "quit")
"""What the prompt itself understands."""


@dataclass(frozen=True)
class Argument:
    """One argument as the server describes it."""

    name: str
    type: str
    token: str | None
    is_optional: bool
    is_multiple: bool
    repeats_token: bool
    parts: tuple[Argument, ...]

    def syntax(self) -> str:
        """As a manual writes it: ``[LIMIT offset count]``, ``key [key ...]``."""
        text = self._once()
        if self.is_multiple:
            again = text if self.repeats_token else self._value()
            text = f"{text} [{again} ...]"
        if self.is_optional:
            return f"[{text}]"
        return f"<{text}>" if self.type == "oneof" and not self.is_multiple and not self.token else text

    def tokens(self) -> Iterator[str]:
        """The words that stand for themselves in it."""
        if self.token:
            yield self.token
        for part in self.parts:
            yield from part.tokens()

    def _value(self) -> str:
        if self.type == "pure-token":
            return self.token or self.name
        if self.type == "oneof":
            return " | ".join(part.syntax() for part in self.parts)
        if self.type == "block":
            return " ".join(part.syntax() for part in self.parts)
        return self.name

    def _once(self) -> str:
        value = self._value()
        return value if not self.token or self.type == "pure-token" else f"{self.token} {value}"


@dataclass(frozen=True)
class CommandDoc:
    """One command or subcommand."""

    name: str
    """In capitals, with a blank before a subcommand."""
    summary: str
    since: str
    group: str
    arguments: tuple[Argument, ...]

    def syntax(self) -> str:
        """Name and arguments."""
        return " ".join([self.name, *(argument.syntax() for argument in self.arguments)])

    def tokens(self) -> list[str]:
        """The words that may stand among its arguments."""
        return list(dict.fromkeys(token for argument in self.arguments for token in argument.tokens()))


class CommandDocs:
    """The reply to COMMAND DOCS, of either protocol. Nothing is known before it came."""

    def __init__(self, reply: Any = ()) -> None:
        self._by_name: dict[str, CommandDoc] = {}
        for name, facts in _pairs(reply):
            self._add(_text(name).upper().replace("|", " "), facts)

    def __len__(self) -> int:
        return len(self._by_name)

    def _add(self, name: str, facts: Any) -> None:
        known = {_text(key): value for key, value in _pairs(facts)}
        arguments = tuple(_argument(each) for each in known.get("arguments", ()))
        summary, since, group = [_text(known.get(key, b"")) for key in ("summary", "since", "group")]
        self._by_name[name] = CommandDoc(name, summary, since, group, arguments)
        for subcommand, deeper in _pairs(known.get("subcommands", ())):
            self._add(_text(subcommand).upper().replace("|", " "), deeper)

    def groups(self) -> list[str]:
        """The groups of commands."""
        return sorted({doc.group for doc in self._by_name.values()} - {""})

    def find(self, words: list[str]) -> list[CommandDoc]:
        """The commands of a group (``@string``), or the command of this name and its subcommands."""
        if words and words[0].startswith("@"):
            return [doc for doc in self._by_name.values() if doc.group == words[0][1:].lower()]
        name = " ".join(words).upper()
        exact = [self._by_name[name]] if name in self._by_name else []
        deeper = [doc for doc in self._by_name.values() if doc.name.startswith(f"{name} ")]
        return exact + deeper

    def hint(self, line: bytes) -> str:
        """What may follow the words of a line, as a manual writes it."""
        _, words = split_count(split_line(line) or [])
        doc, arguments = self._doc_of([word.decode("utf-8", "replace") for word in words])
        return "" if doc is None else remaining(doc, arguments)

    def completions(self, line: bytes) -> list[str]:
        """What the last word of a line may become, in its own case."""
        typed = split_line(line) or []
        if not typed or line[-1:].isspace():
            typed.append(b"")
        words = [word.decode("utf-8", "replace") for word in split_count(typed)[1]]
        last = words[-1]
        found = sorted({word for word in self._candidates(words[:-1]) if word.startswith(last.upper())})
        return found if last and last == last.upper() else [word.lower() for word in found]

    def _candidates(self, before: list[str]) -> Iterable[str]:
        names = [name.split(" ") for name in self._by_name]
        if not before:
            return [parts[0] for parts in names] + [word.upper() for word in OWN_WORDS]
        if before[0].lower() == "help":
            typed = [word.upper() for word in before[1:]]
            groups = [f"@{group}".upper() for group in self.groups()] if not typed else []
            deeper = [parts for parts in names if len(parts) > len(typed) and parts[: len(typed)] == typed]
            return groups + [parts[len(typed)] for parts in deeper]
        doc, arguments = self._doc_of(before)
        if len(before) == 1:
            subcommands = [parts[1] for parts in names if len(parts) > 1 and parts[0] == before[0].upper()]
            if subcommands:
                return subcommands
        used = {word.upper() for word in arguments}
        return [] if doc is None else [token for token in doc.tokens() if token not in used]

    def _doc_of(self, words: list[str]) -> tuple[CommandDoc | None, list[str]]:
        """The longest command at the beginning of these words, and the words after it."""
        for count in (2, 1):
            doc = self._by_name.get(" ".join(words[:count]).upper()) if len(words) >= count else None
            if doc is not None:
                return doc, words[count:]
        return None, []


# ---- what is left of a syntax ------------------------------------------------------------------


def remaining(doc: CommandDoc, words: list[str]) -> str:
    """The syntax of what may follow ``words``; empty when they do not fit, or all is there."""
    tokens = {token.upper() for token in doc.tokens()}
    consumed, hint = _take_all(doc.arguments, words, tokens)
    return hint if consumed == len(words) else ""


def _take_all(arguments: tuple[Argument, ...], words: list[str], tokens: set[str]) -> tuple[int, str]:
    """How many words arguments take in turn, optional ones in any order; and what is left of them."""
    hints: list[str] = []
    at, index = 0, 0
    while index < len(arguments):
        if not arguments[index].is_optional:
            taken = _take(arguments[index], words[at:], tokens)
            if taken is None:
                return at, ""
            at += taken[0]
            hints.append(taken[1])
            index += 1
            continue
        end = index
        while end < len(arguments) and arguments[end].is_optional:
            end += 1
        pool = sorted(arguments[index:end], key=lambda argument: not list(argument.tokens()))
        while at < len(words):
            takes = [(each, _take(each, words[at:], tokens)) for each in pool]
            found = [(each, taken) for each, taken in takes if taken is not None and taken[0]]
            if not found:
                break
            argument, taken = found[0]
            pool.remove(argument)
            at += taken[0]
            hints.append(taken[1])
        hints += [each.syntax() for each in arguments[index:end] if each in pool]
        index = end
    return at, " ".join(hint for hint in hints if hint)


def _take(argument: Argument, words: list[str], tokens: set[str]) -> tuple[int, str] | None:
    """How many words one argument takes and what is left of it; None if the words are something else."""
    if not words:
        return 0, argument.syntax()
    taken = _take_once(argument, words, tokens)
    if taken is None or not argument.is_multiple:
        return taken
    at, rest = taken
    again = argument if argument.repeats_token else _without_token(argument)
    if rest:
        return at, f"{rest} [{again._once()} ...]"
    while at < len(words):
        more = _take_once(again, words[at:], tokens)
        if more is None or not more[0]:
            break
        at += more[0]
        if more[1]:
            return at, more[1]
    return at, f"[{again._once()} ...]"


def _take_once(argument: Argument, words: list[str], tokens: set[str]) -> tuple[int, str] | None:
    at = 0
    if argument.token:
        if words[0].upper() != argument.token.upper():
            return None
        at = 1
        if argument.type == "pure-token":
            return 1, ""
        if len(words) == 1:
            return 1, argument._value()
    if argument.type == "oneof":
        for part in sorted(argument.parts, key=lambda part: not list(part.tokens())):
            taken = _take(part, words[at:], tokens)
            if taken is not None:
                return at + taken[0], taken[1]
        return None
    if argument.type == "block":
        count, hint = _take_all(argument.parts, words[at:], tokens)
        return (at + count, hint) if count else None
    if not argument.token and words[at].upper() in tokens:
        return None
    return at + 1, ""


def _without_token(argument: Argument) -> Argument:
    return argument if argument.type == "pure-token" else replace(argument, token=None, is_optional=False)


# ---- reading the reply -------------------------------------------------------------------------


def _pairs(reply: Any) -> list[tuple[Any, Any]]:
    """The pairs of a map, which RESP2 sends as a flat array."""
    if isinstance(reply, Map):
        return list(reply)
    values = list(reply) if isinstance(reply, list) else []
    return list(zip(values[::2], values[1::2], strict=False))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _argument(reply: Any) -> Argument:
    facts = {_text(key): value for key, value in _pairs(reply)}
    flags = {_text(flag) for flag in facts.get("flags") or ()}
    return Argument(
        name=_text(facts.get("display_text") or facts.get("name", b"")),
        type=_text(facts.get("type", b"")),
        token=_text(facts["token"]) or None if "token" in facts else None,
        is_optional="optional" in flags,
        is_multiple="multiple" in flags,
        repeats_token="multiple_token" in flags,
        parts=tuple(_argument(part) for part in facts.get("arguments") or ()),
    )
