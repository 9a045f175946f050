"""A bounded look at the keys of one primary: SCAN, then a few questions for each key. It writes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from garrison.client import ClientError, Connection
from garrison.cluster.core.doctor.readings import SampledKey
from garrison.cluster.core.doctor.replies import text_of

KEYS_MAX = 2_000
SCANS_MAX = 40
SCAN_COUNT = 200
KEYS_A_BATCH = 100
SAMPLING_S_MAX = 10.0


async def sample_keys(connection: Connection, policy: str) -> list[SampledKey] | None:
    """At most KEYS_MAX keys; fewer when SAMPLING_S_MAX seconds are over. None if SCAN is refused."""
    found: list[SampledKey] = []
    try:
        async with asyncio.timeout(SAMPLING_S_MAX):
            names = await _scan(connection)
            if names is None:
                return None
            for start in range(0, len(names), KEYS_A_BATCH):
                found += await _ask(connection, names[start : start + KEYS_A_BATCH], "lfu" in policy)
    except TimeoutError:
        pass
    except ClientError:
        return found or None
    return found


async def _scan(connection: Connection) -> list[bytes] | None:
    names: dict[bytes, None] = {}
    cursor: Any = b"0"
    for _ in range(SCANS_MAX):
        (reply,) = await connection.call_many([("SCAN", cursor, "COUNT", SCAN_COUNT)])
        if not (isinstance(reply, list) and len(reply) == 2 and isinstance(reply[1], list)):
            return None
        cursor = reply[0]
        names.update(dict.fromkeys(name for name in reply[1] if isinstance(name, bytes)))
        if cursor == b"0" or len(names) >= KEYS_MAX:
            break
    return list(names)[:KEYS_MAX]


async def _ask(connection: Connection, names: list[bytes], with_frequency: bool) -> list[SampledKey]:
    questions: list[tuple[str, ...]] = [("TYPE",), ("PTTL",), ("MEMORY", "USAGE")]
    if with_frequency:
        questions.append(("OBJECT", "FREQ"))
    replies = await connection.call_many([(*words, name) for name in names for words in questions])
    width = len(questions)
    rows = [replies[start : start + width] for start in range(0, len(replies), width)]
    return [key for name, row in zip(names, rows, strict=True) if (key := _sampled(name, *row)) is not None]


def _sampled(name: bytes, kind: Any, ttl: Any, size: Any, frequency: Any = None) -> SampledKey | None:
    """The key, unless it is gone or was never there."""
    if not isinstance(kind, bytes | str) or text_of(kind) == "none":
        return None
    return SampledKey(
        text_of(name),
        text_of(kind),
        ttl if isinstance(ttl, int) and ttl >= 0 else None,
        size if isinstance(size, int) else None,
        frequency if isinstance(frequency, int) else None,
    )
