"""The file of a node's manager register: what it has promised to managers, and their records.

BACKGROUND. One file beside nodes.conf, of which a Redis knows nothing:

    garrison-manager-records 1 <crc32 of all that follows, 8 hex digits>
    node <id of the node whose register it is>
    epoch 7
    holder m1                     (empty after RELEASE)
    ttl-ms 10000
    counted 3                     (the configuration epoch under which this node counts; -1: it does not)
    behind 0                      (1: a majority may have stored records that this node has not seen)
    lost 0                        (1: the records were in a file that was damaged)
    written-epoch 6
    version 12
    content 1234                  (bytes, which follow; they are the last)
    ...

INVARIANTS. load(write(x)) == x. A file whose checksum does not match is refused, never half used: a register
that has forgotten a promise must know that it has.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

SUFFIX: Final = ".manager"
"""What the name of the file has behind that of nodes.conf."""
MAGIC: Final = b"garrison-manager-records 1 "
NUMBER_MAX: Final = (1 << 63) - 1
"""The largest epoch and version: they go over the wire as RESP integers."""
_FIELDS: Final = (
    *("node", "epoch", "holder", "ttl-ms", "counted", "behind", "lost", "written-epoch", "version"),
    "content",
)


class DamagedRecordsError(Exception):
    """The file cannot be used; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class SavedRecords:
    """All that the file says."""

    node_id: str
    epoch: int = 0
    holder: str = ""
    ttl_ms: int = 0
    """How long the holder's lease may last, from the start of a node that does not know when it began."""
    counted_epoch: int | None = None
    is_behind: bool = False
    is_lost: bool = False
    written_epoch: int = 0
    version: int = 0
    content: bytes = b""


def write(saved: SavedRecords) -> str:
    """The text of the file; bytes that are not UTF-8 are in it as surrogates."""
    counted = -1 if saved.counted_epoch is None else saved.counted_epoch
    values = (
        *(saved.node_id, saved.epoch, saved.holder, saved.ttl_ms, counted, int(saved.is_behind)),
        *(int(saved.is_lost), saved.written_epoch, saved.version, len(saved.content)),
    )
    head = "".join(f"{name} {value}\n" for name, value in zip(_FIELDS, values, strict=True))
    body = head.encode("utf-8", "surrogateescape") + saved.content
    return (MAGIC + b"%08x\n" % zlib.crc32(body) + body).decode("utf-8", "surrogateescape")


def load(text: str) -> SavedRecords:
    """Parse the text. Raises DamagedRecordsError."""
    first, _, body = text.encode("utf-8", "surrogateescape").partition(b"\n")
    if not first.startswith(MAGIC):
        raise DamagedRecordsError("it does not begin as the file of a manager register does")
    found = b"%08x" % zlib.crc32(body)
    if first != MAGIC + found:
        raise DamagedRecordsError(
            f"its checksum is {first[len(MAGIC) :][:8]!r} but the content has {found!r}: "
            "it was cut off, changed or damaged"
        )
    values: dict[str, str] = {}
    for name in _FIELDS:
        line, _, body = body.partition(b"\n")
        key, _, value = line.decode("utf-8", "surrogateescape").partition(" ")
        if key != name:
            raise DamagedRecordsError(f"the field {name} is missing")
        values[name] = value
    try:
        return _saved(values, body)
    except ValueError as error:
        raise DamagedRecordsError(str(error)) from None


def _saved(values: dict[str, str], content: bytes) -> SavedRecords:
    if _number(values, "content") != len(content):
        raise ValueError(f"the content has {len(content)} bytes instead of {values['content']}")
    counted = None if values["counted"] == "-1" else _number(values, "counted")
    return SavedRecords(
        node_id=values["node"],
        epoch=_number(values, "epoch"),
        holder=values["holder"],
        ttl_ms=_number(values, "ttl-ms"),
        counted_epoch=counted,
        is_behind=values["behind"] == "1",
        is_lost=values["lost"] == "1",
        written_epoch=_number(values, "written-epoch"),
        version=_number(values, "version"),
        content=content,
    )


def _number(values: dict[str, str], name: str) -> int:
    text = values[name]
    if not (text.isascii() and text.isdigit()) or int(text) > (1 << 64) - 1:
        raise ValueError(f"{name} is {text[:24]!r} and not a number")
    return int(text)
