"""Libraries of functions: what files and nodes have, and where they differ.

A library belongs to the data of each primary, and nothing keeps those of different primaries the same: a push
may be broken off, a primary join later, somebody send FUNCTION LOAD to one node. Sources are compared.

With files, the files are right. Without, the source that most primaries have is; of two that equally many
have, the one at the first primary, so that the answer does not change from run to run.
"""

import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

HEADER = re.compile(rb"#!\s*(?P<engine>\w+)\s+(?:.*\s)?name=(?P<name>\w+)(?:\s.*)?$")
VERSION_DIGITS = 8

Kind = Literal["missing", "different", "unknown"]


@dataclass(frozen=True, slots=True)
class Library:
    """One library, in a file or at a node."""

    name: str
    code: bytes
    engine: str = ""
    functions: tuple[str, ...] = ()
    path: str = ""
    """The file that it is from."""

    @property
    def version(self) -> str:
        """The beginning of its source's SHA-1: libraries have no versions of their own."""
        return hashlib.sha1(self.code).hexdigest()[:VERSION_DIGITS]


@dataclass(frozen=True, slots=True)
class Difference:
    """A library that some primaries do not have as they should."""

    library: str
    kind: Kind
    """``missing`` there, ``different`` there, or ``unknown``: there, and in none of the files."""
    nodes: tuple[str, ...]
    reference: str
    """Whose source they are compared with: a file, or the primaries that have it; empty if there is none."""
    lines: tuple[str, ...] = ()
    """For ``different``: the unified diff from the reference to these primaries."""


def read_library(code: bytes, path: str) -> Library | None:
    """The library of a source; None unless its first line names one, as in ``#!lua name=billing``."""
    match = HEADER.match(code.partition(b"\n")[0])
    if match is None:
        return None
    return Library(match["name"].decode(), code, match["engine"].decode().upper(), path=path)


def find_differences(
    at_nodes: Mapping[str, Mapping[str, Library]], files: Mapping[str, Library], *, files_are_all: bool
) -> list[Difference]:
    """Every library that is not the same at all primaries and as in its file, by name.

    ``at_nodes`` has the libraries of each primary by their names. With ``files_are_all`` a library that is in
    none of the files should be nowhere.
    """
    found: list[Difference] = []
    for name in sorted({*files, *(name for libraries in at_nodes.values() for name in libraries)}):
        holders = {node: libraries[name] for node, libraries in at_nodes.items() if name in libraries}
        if name not in files and files_are_all:
            found.append(Difference(name, "unknown", tuple(holders), ""))
            continue
        right = files.get(name) or _of_most(list(holders.values()))
        same = [node for node, library in holders.items() if library.code == right.code]
        reference = right.path or ", ".join(same)
        missing = tuple(node for node in at_nodes if node not in holders)
        if missing:
            found.append(Difference(name, "missing", missing, reference))
        others: dict[bytes, list[str]] = {}
        for node, library in holders.items():
            if node not in same:
                others.setdefault(library.code, []).append(node)
        for code, nodes in others.items():
            lines = _diff(right.code, code, reference, ", ".join(nodes))
            found.append(Difference(name, "different", tuple(nodes), reference, lines))
    return found


def _of_most(libraries: Sequence[Library]) -> Library:
    (code, _), *_ = Counter(library.code for library in libraries).most_common(1)
    return next(library for library in libraries if library.code == code)


def _diff(before: bytes, after: bytes, from_name: str, to_name: str) -> tuple[str, ...]:
    texts = [code.decode(errors="backslashreplace").splitlines() for code in (before, after)]
    return tuple(difflib.unified_diff(texts[0], texts[1], from_name, to_name, lineterm="", n=2))
