"""One line of a configuration against the row of its directive: counted, checked, refused with reasons."""

from __future__ import annotations

from collections.abc import Iterable

from garrison.base.config_text import ConfigError, Line
from garrison.base.list_value_types import Words
from garrison.base.suggest import did_you_mean
from garrison.base.value_types import Directive


def parsed(row: Directive, line: Line, current: str, *, may_stand_alone: bool = False) -> str:
    """The value that `line` gives the directive; `current` is what stands, for lines that add up.

    With `may_stand_alone` a name without words means an empty value. Raises ConfigError.
    """
    words = [""] if may_stand_alone and len(line.words) == 1 else _counted(row, line)
    try:
        value = row.value_type.canonical_words(words, current)
        if not row.value_type.takes_any_bytes:
            value.encode()
    except UnicodeEncodeError:
        raise ConfigError(refusal(row, line, "not UTF-8")) from None
    except ValueError as error:
        raise ConfigError(refusal(row, line, str(error))) from None
    return value


def refusal(row: Directive, line: Line, why: str) -> str:
    """Why a line cannot be used: where it stands, what it says, what would be right."""
    shown = "(hidden)" if row.sensitive else " ".join(line.words[1:])
    return f"{line.place}: '{line.words[0]} {shown}': {why}; {row.name} takes {row.value_type.allowed}"


def unknown(name: str, known: Iterable[str], what: str = "directive") -> str:
    """That nothing has this name, with the nearest one that exists."""
    return f"there is no {what} '{name}'{did_you_mean(name, known)}"


def _counted(row: Directive, line: Line) -> list[str]:
    """The words of the value, if there are as many as there must be."""
    words = line.words[1:]
    if isinstance(row.value_type, Words):
        words = " ".join(words).split()
    least, most = row.value_type.words
    if not least <= len(words) <= most or not line.words[1:]:
        raise ConfigError(refusal(row, line, "wrong number of arguments"))
    return words
