"""Errors as callers see them: the parts of a server's reply, and why a connection could not be opened."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from garrison.client import connect
from garrison.client.errors import (
    ConnectionFailedError,
    MovedError,
    ReplyError,
    WrongTypeError,
    reply_error,
)


def test_message_does_not_repeat_the_code() -> None:
    error = reply_error("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert isinstance(error, WrongTypeError)
    assert error.code == "WRONGTYPE"
    assert error.message == "Operation against a key holding the wrong kind of value"
    assert str(error) == f"{error.code} {error.message}"


def test_reply_of_one_word_is_a_code_without_message() -> None:
    error = reply_error("EXECABORT")
    assert (error.code, error.message, str(error)) == ("EXECABORT", "", "EXECABORT")


def test_redirect_still_tells_slot_and_address() -> None:
    error = reply_error("MOVED 5 10.0.0.1:7000")
    assert isinstance(error, MovedError)
    assert (error.slot, error.address, error.message) == (5, ("10.0.0.1", 7000), "5 10.0.0.1:7000")
    assert isinstance(reply_error("ODD news"), ReplyError)


async def test_unknown_name_is_not_taken_for_a_server_that_is_down(monkeypatch: Any) -> None:

    async def unresolvable(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", unresolvable, raising=False)
    with pytest.raises(ConnectionFailedError, match=r"'db\.invalid' has no address") as caught:
        await connect("redis://db.invalid:6379")
    assert "listening" not in str(caught.value)


async def test_plain_server_behind_a_tls_url_is_named(fake: Any) -> None:
    server = await fake(lambda _command: b"-ERR unknown command\r\n")
    with pytest.raises(ConnectionFailedError, match="does that port speak TLS") as caught:
        await connect(f"rediss://127.0.0.1:{server.port}", connect_timeout_s=2)
    assert "listening" not in str(caught.value)
