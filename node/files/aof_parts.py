"""The parts of an append-only file, and what is wrong with them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garrison.node.files.shown import checked_size, progress_of

MANIFEST_SUFFIX = ".manifest"
COPY_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Part:
    """One file that counts."""

    path: Path
    kind: str
    """`base`, `increment`, or `file` for one without a manifest."""
    is_last: bool


@dataclass(frozen=True)
class Found:
    """What reading a part has shown."""

    part: Part
    size: int
    facts: dict[str, Any]
    """As `AofScan.step` of the engine gives it."""

    @property
    def problem(self) -> str | None:
        """What is wrong, where, and what to do; None for a sound part."""
        problem: str | None = self.facts["problem"]
        return problem

    @property
    def may_be_cut(self) -> bool:
        """Whether cutting its end makes it sound: only of the last file, and never of RDB."""
        return self.part.is_last and not (self.facts["has_rdb"] and self.facts["offset"] == 0)


def find_manifest(path: Path) -> Path:
    """The file to read: the only manifest of a folder, or the file itself. Raises ValueError."""
    if not path.is_dir():
        return path
    found = sorted(path.glob(f"*{MANIFEST_SUFFIX}"))
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise ValueError(f"{path}: a folder with one manifest is needed, here are: {names}; name the file")
    return found[0]


def parts_of(path: Path) -> list[Part]:
    """The parts in the order in which they are loaded.

    Raises ValueError for a damaged manifest, OSError for a part that cannot be read.
    """
    from garrison.node._engine import read_manifest

    if not path.name.endswith(MANIFEST_SUFFIX):
        return [Part(path, "file", is_last=True)]
    try:
        base, increments, _ = read_manifest(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    named = [("base", base)] if base else []
    named += [("increment", increment) for increment in increments]
    last = len(named) - 1
    parts = [
        Part(path.parent / name, kind, is_last=number == last)
        for number, (kind, (name, _)) in enumerate(named)
    ]
    for part in parts:
        checked_size(part.path)
    return parts


def read_part(part: Part, until: int | None = None) -> Found:
    """Read a part to its end; `until` is the last Unix second that is wanted."""
    from garrison.node._engine import AofScan

    total = checked_size(part.path)
    scan = AofScan(str(part.path), until)
    with progress_of(part.path, total) as progress:
        while (facts := scan.step()) is None:
            progress.update(progress.task_ids[0], completed=scan.offset())
    return Found(part, total, facts)


def cut(path: Path, offset: int, keep_tail: bool) -> Path | None:
    """Shorten a file to `offset` bytes and sync it; the copy of the tail, if it is kept."""
    copy = path.with_name(f"{path.name}.cut-{offset}") if keep_tail else None
    with path.open("r+b") as file:
        if copy is not None:
            file.seek(offset)
            with copy.open("xb") as tail:
                while chunk := file.read(COPY_CHUNK_BYTES):
                    tail.write(chunk)
                tail.flush()
                os.fsync(tail.fileno())
        file.truncate(offset)
        file.flush()
        os.fsync(file.fileno())
    return copy
