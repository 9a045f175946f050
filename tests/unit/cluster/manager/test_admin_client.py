"""How the manager's commands reach a server."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import ReplyError
from garrison.cluster.errors import UnreachableError
from garrison.cluster.manager.admin_client import Access, AdminClient
from garrison.cluster.manager.slot_commands import set_slots
from tests.unit.cluster.doctor.talking import talking

COMMANDS = set_slots([1, 2], "NODE", "a" * 40)
SENT = [" ".join(map(str, command)) for command in COMMANDS]


@pytest.mark.parametrize(
    ("info", "may_transact"),
    [
        ("redis_version:7.2.4\r\nserver_name:garrison\r\n", True),
        ("redis_version:7.0.15\r\n", True),
        ("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n", False),
        (ReplyError("NOPERM no"), False),
    ],
    ids=["Garrison", "Redis", "Valkey", "unknown"],
)
async def test_slots_are_set_together_where_that_is_safe(info: Any, may_transact: bool) -> None:
    """A Valkey with replicas ends on an assertion at SETSLOT in a transaction."""
    answers = {"INFO server": info, "MULTI": "OK", "CLUSTER SETSLOT": "OK", "EXEC": ["OK", "OK"], "PING": "P"}
    async with talking(answers) as (node,), AdminClient(node.address, Access(timeout_s=10)) as admin:
        replies = await admin.demand_together(node.address, COMMANDS, then=[("PING",)])
        await admin.demand_together(node.address, COMMANDS)
    assert replies[-1] == b"P"
    assert len(replies) == 3
    asked = [words for words in node.asked if words.startswith(("INFO", "MULTI", "CLUSTER", "EXEC"))]
    together = ["MULTI", *SENT, "EXEC"] if may_transact else SENT
    assert asked == ["INFO server", *together, *together], "it is asked once"


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [("NOAUTH Authentication required.", "--password-file"), ("NOPERM no permissions", "ACL SETUSER")],
)
async def test_refusal_says_what_helps(refusal: str, advice: str) -> None:
    answers = {"INFO": ReplyError(refusal)}
    async with talking(answers) as (node,), AdminClient(node.address, Access(timeout_s=10)) as admin:
        with pytest.raises(UnreachableError, match=advice):
            await admin.call(node.address, "INFO")
