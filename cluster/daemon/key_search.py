"""Look for big or hot keys at one node: a walk with bounds on time and keys, on a connection of its own."""

import asyncio
import time
from typing import Any

from garrison.client import ReplyError
from garrison.cluster.core.manager.picture import NotableKey
from garrison.cluster.core.manager.status import KeySearch
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.desk import NotPossibleError
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient

SEARCH_TIMEOUT_S = 10.0
KEYS_WALKED_MAX = 200_000
KEYS_A_WRITE = 500
KEYS_FOUND_MAX = 50
PAUSE_S = 0.005
"""Between two writes, so that callers of the node are served."""
KEY_CHARACTERS_MAX = 256


async def search_keys(access: Access, address: Address, search: KeySearch) -> tuple[NotableKey, ...]:
    """The biggest keys by MEMORY USAGE, or the hottest by OBJECT FREQ (which needs an LFU policy).

    It ends after `SEARCH_TIMEOUT_S` or `KEYS_WALKED_MAX` keys with what it has seen.
    """
    question = ("MEMORY", "USAGE") if search.what == "big" else ("OBJECT", "FREQ")
    deadline = time.monotonic() + SEARCH_TIMEOUT_S
    ranked: list[tuple[int, bytes]] = []
    async with AdminClient(address, access) as admin:
        cursor, walked = b"0", 0
        while walked < KEYS_WALKED_MAX and time.monotonic() < deadline:
            try:
                cursor, keys = await admin.call(address, "SCAN", cursor, "COUNT", KEYS_A_WRITE)
                replies = await admin.call_many(address, [(*question, key) for key in keys]) if keys else []
            except ManagerError as error:
                raise NotPossibleError(503, str(error)) from error
            walked += len(keys)
            for key, reply in zip(keys, replies, strict=True):
                if isinstance(reply, ReplyError) and "LFU" in reply.message:
                    raise NotPossibleError(
                        422, "hot keys are counted only with maxmemory-policy allkeys-lfu or volatile-lfu"
                    )
                if isinstance(reply, int):
                    ranked.append((reply, key))
            ranked = sorted(ranked, reverse=True)[:KEYS_FOUND_MAX]
            if cursor == b"0":
                break
            await asyncio.sleep(PAUSE_S)
        types = await admin.call_many(address, [("TYPE", key) for _, key in ranked]) if ranked else []
    return tuple(
        _notable(search, figure, key, kind) for (figure, key), kind in zip(ranked, types, strict=True)
    )


def _notable(search: KeySearch, figure: int, key: bytes, kind: Any) -> NotableKey:
    shown = key.decode("utf-8", "backslashreplace")[:KEY_CHARACTERS_MAX]
    name = kind.decode() if isinstance(kind, bytes) else str(kind)
    size = figure if search.what == "big" else None
    return NotableKey(node_id=search.node, key=shown, type=name, bytes=size)
