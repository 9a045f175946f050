"""What the prompt shows after each command."""

from __future__ import annotations

from garrison.cli.core.conversation import Conversation
from garrison.cli.core.replies import Status
from garrison.client.errors import reply_error

OK, QUEUED = Status(b"OK"), Status(b"QUEUED")


def talk(*exchange: tuple[str, object]) -> Conversation:
    conversation = Conversation("h:1")
    for line, reply in exchange:
        conversation.heard(line.encode().split(), reply)
    return conversation


def test_transaction_is_shown_until_it_ends() -> None:
    assert talk(("MULTI", OK)).prompt() == "h:1(TX)> "
    assert talk(("MULTI", OK), ("EXEC", [])).prompt() == "h:1> "
    assert talk(("MULTI", OK), ("discard", OK)).prompt() == "h:1> "
    assert talk(("MULTI", OK), ("EXEC", reply_error("EXECABORT x"))).prompt() == "h:1> "
    assert talk(("MULTI", OK), ("nosuch", reply_error("ERR x"))).prompt() == "h:1(TX)> "


def test_database_changes_with_select_once_it_is_carried_out() -> None:
    assert talk(("SELECT 3", OK)).prompt() == "h:1[3]> "
    assert talk(("SELECT 99", reply_error("ERR out of range"))).prompt() == "h:1> "
    assert talk(("MULTI", OK), ("SELECT 3", QUEUED), ("EXEC", [OK])).prompt() == "h:1[3]> "
    assert talk(("MULTI", OK), ("SELECT 3", QUEUED), ("EXEC", None)).prompt() == "h:1> "
    assert talk(("MULTI", OK), ("SELECT 3", QUEUED), ("DISCARD", OK)).prompt() == "h:1> "


def test_reset_ends_everything() -> None:
    conversation = talk(
        ("AUTH x", OK), ("HELLO 3", {}), ("SELECT 3", OK), ("MULTI", OK), ("RESET", Status(b"RESET"))
    )
    assert (conversation.prompt(), conversation.protocol, conversation.login) == ("h:1> ", 2, [])


def test_login_and_protocol_are_remembered_for_a_new_connection() -> None:
    conversation = talk(
        ("AUTH ann x", OK), ("AUTH ann y", reply_error("WRONGPASS z")), ("HELLO 3", {}), ("MULTI", OK)
    )
    conversation.begin("h:2")
    assert (conversation.prompt(), conversation.protocol) == ("h:2> ", 3)
    assert conversation.login == [b"ann", b"x"]
    assert talk(("HELLO 3 AUTH bob z", {})).login == [b"bob", b"z"]
