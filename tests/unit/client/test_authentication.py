"""Logging in, against a real server with a password and a restricted user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from garrison.client import connect
from garrison.client.errors import AuthenticationError

from .servers import ServerProcess, require


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server whose default user has a password, and with a user who may only read ``r:*``."""
    require("redis")
    server = ServerProcess("redis", tmp_path_factory.mktemp("locked"), "--requirepass", "s@cret")
    server.password = "s@cret"
    server.start()
    server.wait()
    assert server.cli("ACL", "SETUSER", "ann", "on", ">pw", "%R~r:*", "+@all") == "OK"
    yield server.port
    server.kill()


@pytest.mark.parametrize("protocol", [2, 3])
async def test_the_url_or_the_options_carry_the_credentials(locked: int, protocol: int) -> None:
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        (f"redis://:s%40cret@127.0.0.1:{locked}", {}),
        (f"redis://127.0.0.1:{locked}", {"password": "s@cret"}),
        (f"redis://ann:pw@127.0.0.1:{locked}", {}),
        (f"redis://wrong:wrong@127.0.0.1:{locked}", {"username": "ann", "password": "pw"}),
    )
    for url, options in cases:
        async with await connect(url, protocol=protocol, **options) as client:
            assert await client.ping()
            assert (await client.call("ACL", "WHOAMI", key="")) in (b"default", b"ann")


@pytest.mark.parametrize("protocol", [2, 3])
async def test_missing_or_wrong_credentials_are_authentication_errors(locked: int, protocol: int) -> None:
    for login in ("", "ann:wrong@", ":wrong@", "nobody:pw@"):
        with pytest.raises(AuthenticationError):
            await connect(f"redis://{login}127.0.0.1:{locked}", protocol=protocol)


async def test_forbidden_key_raises_authentication_error_unretried(locked: int) -> None:
    async with await connect(f"redis://ann:pw@127.0.0.1:{locked}") as client:
        assert await client.get("r:1") is None
        with pytest.raises(AuthenticationError, match="NOPERM"):
            await client.set("r:1", 1)


async def test_the_password_is_not_shown(locked: int) -> None:
    async with await connect(f"redis://ann:pw@127.0.0.1:{locked}") as client:
        assert "pw" not in repr(client.settings)
