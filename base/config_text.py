"""The text form of a configuration: words, quotes, escapes, includes and options.

A file holds one directive a line: a name and its words. Words are separated by blanks; in double quotes the
escapes of C and ``\\xHH`` hold, in single quotes only ``\\'``. Options on the command line become the same
kind of lines, so that there is one way in.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from garrison.base.words import split_bytes

INCLUDE_DEPTH_MAX = 16
FILE_BYTES_MAX = 16 << 20

_SECRET = ("pass", "auth", "user")
"""A line with one of these may hold a password."""


class ConfigError(Exception):
    """A configuration that cannot be used; the message names the place, the value and what is allowed."""


class Line(NamedTuple):
    """One directive as somebody wrote it."""

    source: str
    number: int
    """Line in a file, from 1; 0 where the source has no lines."""
    words: list[str]

    @property
    def place(self) -> str:
        return f"{self.source}, line {self.number}" if self.number else self.source


def split_words(text: str) -> list[str]:
    """The words of a line. Raises ValueError where a quote stays open or text follows one directly."""
    words = split_bytes(text.encode("utf-8", "surrogateescape"))
    return [word.decode("utf-8", "surrogateescape") for word in words]


def lines_of(text: str, source: str) -> Iterator[Line]:
    """The directives of a text, comments and empty lines left out."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r\n")
        if not stripped or stripped.startswith("#"):
            continue
        try:
            words = split_words(stripped)
        except ValueError as error:
            # Which word would have been the password cannot be said, so none is shown.
            shown = "(hidden)" if any(word in stripped.lower() for word in _SECRET) else stripped
            raise ConfigError(f"{source}, line {number}: '{shown}': {error}") from None
        if words:
            yield Line(source, number, words)


def lines_of_file(path: str, depth: int = 0) -> Iterator[Line]:
    """The directives of a file and of what it includes, in order."""
    for line in lines_of(read_text(path), path):
        if line.words[0].lower() != "include":
            yield line
            continue
        if len(line.words) != 2:
            raise ConfigError(f"{line.place}: include takes one file or pattern")
        if depth >= INCLUDE_DEPTH_MAX:
            raise ConfigError(f"{line.place}: includes are nested deeper than {INCLUDE_DEPTH_MAX}")
        pattern = line.words[1]
        found = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]
        for included in found:
            yield from lines_of_file(included, depth + 1)


def read_text(path: str) -> str:
    """A whole configuration file; '-' is standard input. Raises ConfigError."""
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} is longer than {FILE_BYTES_MAX} bytes: not a configuration file")
    return data.decode("utf-8", "surrogateescape")


def lines_of_options(arguments: Sequence[str]) -> Iterator[Line]:
    """`--name word ...`: each option takes the words up to the next one."""
    at = 0
    while at < len(arguments):
        if not arguments[at].startswith("--") or len(arguments[at]) < 3:
            raise ConfigError(f"'{arguments[at]}' is not an option: write --directive value")
        end = at + 1
        while end < len(arguments) and not arguments[end].startswith("--"):
            end += 1
        yield Line(f"option {arguments[at]}", 0, [arguments[at][2:], *arguments[at + 1 : end]])
        at = end


NOT_DIRECTIVES = {"PUBLISH", "OUTSIDE", "SENTINEL_PASSWORD", "DOWN_AFTER_MS"}
"""What may follow `GARRISON_` and is meant for somebody else: Compose files, admin commands, tests."""

MEANT = {"PASSWORD": "REQUIREPASS"}
"""Names that somebody else has a use for, with the directive that may be meant."""

NEAR_ENOUGH = 0.85
"""Names that agree to this degree are one name and its misspelling."""


def strange_variables(environment: dict[str, str], known: Sequence[str]) -> list[str]:
    """The variables that begin with `GARRISON_` and name nothing, for a warning.

    One that is nearly a directive is refused: a misspelt password must not start a node without one. Others
    may be somebody else's (Kubernetes tells of a service `garrison` in such variables). Raises ConfigError.
    """
    names = {name.replace("-", "_").upper() for name in known}
    strange = []
    for variable in environment:
        name = variable.removeprefix("GARRISON_")
        if name == variable or name in names or name in NOT_DIRECTIVES or name.startswith("TEST_"):
            continue
        import difflib  # only for a mistake: it is not free to import

        near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=NEAR_ENOUGH)
        if near:
            raise ConfigError(
                f"environment variable {variable} names no directive; did you mean GARRISON_{near[0]}?"
            )
        meant = MEANT.get(name)
        strange.append(f"{variable} (did you mean GARRISON_{meant}?)" if meant else variable)
    return strange


def lines_of_environment(environment: dict[str, str], known: Sequence[str]) -> Iterator[Line]:
    """GARRISON_MAXMEMORY=1gb and the like; the value is split as a line of a file is."""
    names = {"GARRISON_" + name.replace("-", "_").upper(): name for name in known}
    for variable, value in environment.items():
        if variable in names:
            try:
                words = split_words(value) or [""]
            except ValueError as error:
                raise ConfigError(f"environment variable {variable}: {error}") from None
            yield Line(f"environment variable {variable}", 0, [names[variable], *words])
