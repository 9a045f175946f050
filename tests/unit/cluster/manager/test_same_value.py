"""One value is recognised whatever form the replies have."""

from collections.abc import Sequence
from typing import Any

import pytest

from garrison.client import ReplyError
from garrison.cluster.core.topology import Address
from garrison.cluster.manager.admin_client import Command
from garrison.cluster.manager.same_value import same_values

HERE, THERE = Address("h", 1), Address("h", 2)


class Answers:
    """Answers by address and name of the command."""

    def __init__(self, kinds: tuple[bytes, bytes], replies: tuple[Any, Any]) -> None:
        self._by_address = {HERE: (kinds[0], replies[0]), THERE: (kinds[1], replies[1])}

    async def call_many(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        kind, reply = self._by_address[address]
        return [kind if command[0] == "TYPE" else reply for command in commands]


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (b"string", b"v", b"v", True),
        (b"string", b"v", b"w", False),
        (b"list", [b"a", b"b"], [b"b", b"a"], False),
        (b"set", [b"a", b"b"], [b"b", b"a"], True),
        (b"hash", {b"f": b"v", b"g": b"w"}, [b"g", b"w", b"f", b"v"], True),
        (b"hash", {b"f": b"v"}, {b"f": b"w"}, False),
        (b"zset", [b"a", b"1"], [b"a", b"2"], False),
        (b"stream", [[b"1-1", [b"f", b"v"]]], [[b"1-1", [b"f", b"v"]]], True),
        (b"TSDB-TYPE", b"payload" + b"\x0a" * 10, b"payload" + b"\x0b" * 10, True),
        (b"TSDB-TYPE", b"payload" + b"\x0a" * 10, b"Payload" + b"\x0a" * 10, False),
        (b"string", ReplyError("ERR no"), ReplyError("ERR no"), False),
    ],
)
async def test_values_are_compared_by_what_they_hold(kind: bytes, one: Any, other: Any, same: bool) -> None:
    client: Any = Answers((kind, kind), (one, other))
    assert await same_values(client, HERE, client, THERE, [b"k"]) == ({b"k"} if same else set())


@pytest.mark.parametrize("kinds", [(b"string", b"list"), (b"string", b"none"), (b"none", b"none")])
async def test_other_type_or_missing_key_is_not_the_same(kinds: tuple[bytes, bytes]) -> None:
    client: Any = Answers(kinds, (b"v", b"v"))
    assert await same_values(client, HERE, client, THERE, [b"k"]) == set()
