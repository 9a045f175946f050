"""What `garrison manager run` refuses before it listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.cluster.core.manager.manager_names import shown_name
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.http_tokens import Token, Tokens
from garrison.cluster.daemon.run_command import demand_guarded, id_of_this_start, read_all_tokens, server_tls
from garrison.cluster.errors import UsageProblem


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "manager.example"])
def test_nobody_elses_machine_without_a_token(host: str) -> None:
    with pytest.raises(UsageProblem, match="give --token-file"):
        demand_guarded(Address(host, 7380), Tokens())
    demand_guarded(Address(host, 7380), Tokens([Token("a", "act", b"")]))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_own_machine_needs_none(host: str) -> None:
    demand_guarded(Address(host, 7380), Tokens())


def test_id_is_new_with_each_start_and_says_where() -> None:
    first, second = (id_of_this_start("m", Address("10.0.0.1", 7380)) for _ in range(2))
    assert first != second
    assert {shown_name(first), shown_name(second)} == {"m@10.0.0.1:7380"}
    for name in ("x" * 70, "with space", "ü"):
        with pytest.raises(UsageProblem, match="give another --id"):
            id_of_this_start(name, Address("10.0.0.1", 7380))


def test_token_cannot_have_two_rights(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("x" * 32)
    assert read_all_tokens(path, None).caller("Bearer " + "x" * 32).right == "act"
    with pytest.raises(UsageProblem, match="twice"):
        read_all_tokens(path, path)


def test_tls_files_are_checked(tmp_path: Path) -> None:
    assert server_tls(None, None) is None
    with pytest.raises(UsageProblem, match="needs --tls-cert"):
        server_tls(None, tmp_path)
    with pytest.raises(UsageProblem, match="cannot use"):
        server_tls(tmp_path / "none", tmp_path / "none")
