"""Which of the 16,384 hash slots a key belongs to.

A slot is CRC16 of the key, modulo 16,384. The CRC is the XMODEM variant (polynomial 0x1021, initial
value 0), which Python's :func:`binascii.crc_hqx` computes in C; a test holds it against crcmod and
against a bit-by-bit model.

Keys that must share a slot carry a *hash tag*: if the key has a ``{``, and a ``}`` behind it with at
least one byte between them, only those bytes are hashed. Only the first ``{`` counts, and the first
``}`` after it.

>>> key_slot("foo")
12182
>>> key_slot("{user:7}:name") == key_slot("{user:7}:mail") == key_slot("user:7")
True
>>> key_slot("{}x") == key_slot("x")    # an empty tag does not count: the whole key is hashed
False
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable

__all__ = ["SLOT_COUNT", "group_by_slot", "hash_tag", "key_slot"]

SLOT_COUNT = 16_384

_SLOT_MASK = SLOT_COUNT - 1
_OPEN = 0x7B  # "{"


def hash_tag(key: bytes) -> bytes:
    """Return the part of ``key`` that is hashed: the hash tag, or the whole key."""
    start = key.find(b"{") + 1
    if start == 0:
        return key
    end = key.find(b"}", start)
    return key[start:end] if end > start else key


def key_slot(key: bytes | str) -> int:
    """Return the slot, 0 to 16,383, of ``key``; a str is hashed as UTF-8."""
    raw = key if isinstance(key, bytes) else key.encode("utf-8", "surrogateescape")
    return crc_hqx(hash_tag(raw) if _OPEN in raw else raw, 0) & _SLOT_MASK


def group_by_slot(keys: Iterable[bytes]) -> dict[int, list[int]]:
    """Group keys by slot: slot -> the positions of its keys, both in order of first appearance.

    >>> group_by_slot([b"a", b"b", b"{a}2"])
    {15495: [0, 2], 3300: [1]}
    """
    groups: dict[int, list[int]] = {}
    for position, key in enumerate(keys):
        groups.setdefault(key_slot(key), []).append(position)
    return groups
