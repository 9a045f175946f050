"""The types of directives' values: each checks a text and returns it in its canonical form.

Values stay text, in the form in which CONFIG GET shows them: that is what the border to the engine carries,
what CONFIG REWRITE compares, and what a reader of a bug report sees. A refusal is a ``ValueError`` whose
message is Redis's own, because existing tools and tests look for it; :attr:`ValueType.allowed` says
the same for people who are writing a file.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from garrison.base.words import quote

INT_MAX = 2**31 - 1
INT_MIN = -(2**31)
UINT_MAX = 2**32 - 1
LONG_MAX = 2**63 - 1
ULONG_MAX = 2**64 - 1

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_MEMORY = re.compile(r"(-?)([0-9]*)([a-zA-Z]*)")
_UNITS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1024,
    "m": 1000**2,
    "mb": 1024**2,
    "g": 1000**3,
    "gb": 1024**3,
}


class Use(Enum):
    """The part of the program that uses a directive in this version."""

    ENGINE = "engine"
    CONTROL = "control plane"
    BOTH = "engine and control plane"
    NOTHING = "accepted for compatibility, without effect yet"
    NEEDLESS = "nobody: Garrison does what it asks for in any case"
    REFUSED = "refused: its effect is not built yet and a node without it would be less safe than asked for"


class ValueType:
    """Any text."""

    words: tuple[int, int] = (1, 1)
    """How many words the value has in a file: at least, at most."""
    takes_any_bytes: bool = False
    """Whether the value may hold bytes that are not UTF-8; they stay in the text as surrogates."""

    @property
    def allowed(self) -> str:
        """What may be written, as the end of the sentence 'it takes ...'."""
        return "a text"

    def canonical(self, text: str) -> str:
        """The text in the form we keep. Raises ValueError with Redis's message."""
        return text

    def canonical_words(self, words: list[str], current: str) -> str:
        """The same for the words of a line in a file; `current` is what stands, for lines that add up."""
        return self.canonical(" ".join(words))

    def lines(self, text: str) -> list[str]:
        """The value as a file holds it: the words after the name, one entry a line."""
        return [quoted(text)]


class YesNo(ValueType):
    @property
    def allowed(self) -> str:
        return "'yes' or 'no'"

    def canonical(self, text: str) -> str:
        if text.lower() not in ("yes", "no"):
            raise ValueError("argument must be 'yes' or 'no'")
        return text.lower()


class Integer(ValueType):
    def __init__(self, low: int = 0, high: int = INT_MAX, *, clamp: tuple[int, int] | None = None) -> None:
        self.low, self.high, self.clamp = low, high, clamp

    @property
    def allowed(self) -> str:
        return f"an integer from {self.low} to {self.high}"

    def canonical(self, text: str) -> str:
        if not _INTEGER.fullmatch(text) or text == "-0" or not -LONG_MAX - 1 <= int(text) <= LONG_MAX:
            raise ValueError("argument couldn't be parsed into an integer")
        value = self._in_range(int(text))
        return str(min(max(value, self.clamp[0]), self.clamp[1]) if self.clamp else value)

    def _in_range(self, value: int) -> int:
        if not self.low <= value <= self.high:
            raise ValueError(f"argument must be between {self.low} and {self.high} inclusive")
        return value

    def lines(self, text: str) -> list[str]:
        return [text]


class Octal(Integer):
    @property
    def allowed(self) -> str:
        return f"octal permissions from {self.low:o} to {self.high:o}"

    def canonical(self, text: str) -> str:
        try:
            value = int(text, 8)
        except ValueError:
            raise ValueError("argument couldn't be parsed as an octal number") from None
        if not self.low <= value <= self.high:
            raise ValueError(f"argument must be between {self.low:o} and {self.high:o} inclusive")
        return f"{value:o}"


class Memory(Integer):
    """Bytes, with an optional unit: k = 1000, kb = 1024, and so on to gb."""

    def __init__(self, low: int = 0, high: int = LONG_MAX) -> None:
        super().__init__(low, high)

    @property
    def allowed(self) -> str:
        return f"a number of bytes from {self.low} to {self.high}, with an optional unit such as 100mb or 2gb"

    def canonical(self, text: str) -> str:
        value = parse_memory(text)
        if value is None or value < 0:
            raise ValueError("argument must be a memory value")
        return str(self._in_range(value))

    def lines(self, text: str) -> list[str]:
        return [memory_text(text)]


class MemoryOrPercent(Memory):
    """Bytes, or a share of maxmemory such as 5%."""

    @property
    def allowed(self) -> str:
        return "a number of bytes with an optional unit, or a percentage of maxmemory such as 5%"

    def canonical(self, text: str) -> str:
        if text.endswith("%") and text[:-1].isdigit():
            if int(text[:-1]) > 100:
                raise ValueError("percentage argument must be less or equal to 100")
            return f"{int(text[:-1])}%"
        value = parse_memory(text)
        if value is None or value < 0:
            raise ValueError("argument must be a memory or percent value")
        return str(self._in_range(value))


class Choice(ValueType):
    def __init__(self, *names: str) -> None:
        self.names = names

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(self.names)

    def canonical(self, text: str) -> str:
        if text.lower() not in self.names:
            raise ValueError("argument(s) must be one of the following: " + ", ".join(self.names))
        return text.lower()

    def lines(self, text: str) -> list[str]:
        return [text]


class Text(ValueType):
    """Any text up to `length_max` characters, empty included; `pattern` bars what it does not match."""

    def __init__(self, *, pattern: str = "", refusal: str = "", length_max: int = 0, long: str = "") -> None:
        self._pattern = re.compile(pattern) if pattern else None
        self._refusal, self._length_max, self._long = refusal, length_max, long

    @property
    def allowed(self) -> str:
        return self._refusal or "a text"

    def canonical(self, text: str) -> str:
        if self._length_max and len(text) >= self._length_max:
            raise ValueError(self._long)
        if text and self._pattern is not None and not self._pattern.fullmatch(text):
            raise ValueError(self._refusal)
        return text


class AnyBytes(Text):
    """A password or the like: clients may send any bytes, so any may be set."""

    takes_any_bytes = True


class Directive(NamedTuple):
    """One row of the table."""

    name: str
    value_type: ValueType
    default: str
    use: Use
    help: str
    alias: str = ""
    immutable: bool = False
    """Fixed at the start: CONFIG SET refuses it."""
    protected: bool = False
    """CONFIG SET refuses it unless `enable-protected-configs` permits."""
    sensitive: bool = False
    """Its value is never logged."""
    hidden: bool = False
    """CONFIG GET shows it only when asked for by its full name."""
    file_only: bool = False
    """Known in files and options, but not to CONFIG (user, loadmodule, rename-command)."""


def parse_memory(text: str) -> int | None:
    """Bytes of a text such as 512, 64kb or 2GB; None if it is not a size. An empty text is 0, as in Redis."""
    found = _MEMORY.fullmatch(text)
    if found is None or found[3].lower() not in _UNITS:
        return None
    value = int(found[2] or 0) * _UNITS[found[3].lower()]
    return -value if found[1] else min(value, ULONG_MAX)


def memory_text(text: str) -> str:
    """A number of bytes with the largest unit that divides it: 104857600 is 100mb."""
    for unit in ("gb", "mb", "kb"):
        if text.isdigit() and int(text) and int(text) % _UNITS[unit] == 0:
            return f"{int(text) // _UNITS[unit]}{unit}"
    return text


_PLAIN = re.compile(r"[!#-&(-\[\]-~]+")


def quoted(text: str) -> str:
    """A word as a file holds it: in double quotes where it has to be."""
    if _PLAIN.fullmatch(text):
        return text
    return quote(text.encode("utf-8", "surrogateescape")).decode()
