"""Every listed command that Redis has is dated."""

from __future__ import annotations

from garrison.sentinel.server.command_since import SINCE
from garrison.sentinel.server.command_table import BEYOND_REDIS, EVERY


def test_commands_of_redis_are_dated() -> None:
    theirs = {name for name, command in EVERY.items() if not command.extra}
    ours = {f"sentinel|{name}" for name in BEYOND_REDIS}
    assert theirs - ours - set(SINCE) == set()
    assert set(SINCE) <= set(EVERY)
