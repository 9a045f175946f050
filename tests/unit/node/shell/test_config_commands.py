"""CONFIG as a client sees it; the texts are compared with a real Redis in tests/commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from garrison.base.reply import OK, Error, encode
from garrison.node.config import Config, load
from garrison.node.shell.config_commands import ConfigCommands, NotAppliedError


class Recorder:
    def __init__(self) -> None:
        self.applied: list[dict[str, str]] = []
        self.error: NotAppliedError | None = None
        self.is_slow = False
        self.pending: list[Callable[[], None]] = []

    def apply(self, changes: dict[str, str], done: Callable[[NotAppliedError | None], None]) -> None:
        self.applied.append(changes)
        if self.is_slow:
            self.pending.append(lambda: done(self.error))
        else:
            done(self.error)


@pytest.fixture
def config() -> Config:
    return load([])


@pytest.fixture
def applier() -> Recorder:
    return Recorder()


@pytest.fixture
def ask(config: Config, applier: Recorder) -> Callable[..., object]:
    commands = ConfigCommands(config, applier)

    def asked(*words: str, is_local: bool = True) -> object:
        replies: list[object] = []
        commands.answer([b"CONFIG", *[word.encode() for word in words]], is_local, replies.append)
        assert len(replies) == 1
        return replies[0]

    return asked


def test_get_by_name_alias_and_pattern(ask: Callable[..., object]) -> None:
    assert ask("GET", "MaxMemory") == {"MaxMemory": "0"}
    assert ask("GET", "slaveof") == {"slaveof": ""}
    assert ask("GET", "replica-prio*", "slave-prio*") == {"replica-priority": "100", "slave-priority": "100"}
    assert ask("GET", "nothing") == {}
    assert ask("GET", "watchdog-period") == {"watchdog-period": "0"}
    assert ask("GET", "watchdog*") == {}


def test_set_applies_all_or_nothing(ask: Callable[..., object], config: Config, applier: Recorder) -> None:
    assert ask("SET", "timeout", "5", "maxclients", "x") == Error(
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - "
        "argument couldn't be parsed into an integer"
    )
    assert applier.applied == []
    assert ask("SET", "timeout", "5", "maxclients", "50") is OK
    assert applier.applied == [{"timeout": "5", "maxclients": "50"}]
    assert config.text("timeout") == "5"


def test_what_the_data_plane_refuses_stays_as_it_was(
    ask: Callable[..., object], config: Config, applier: Recorder
) -> None:
    applier.error = NotAppliedError("maxclients", "no room")
    assert ask("SET", "timeout", "5", "MaxClients", "50") == Error(
        "ERR CONFIG SET failed (possibly related to argument 'MaxClients') - no room"
    )
    assert config.text("timeout") == "0"
    assert config.text("maxclients") == "10000"


def test_set_without_change_does_not_bother_the_data_plane(
    ask: Callable[..., object], applier: Recorder
) -> None:
    assert ask("SET", "timeout", "0") is OK
    assert applier.applied == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("SET", "databases", "4"), "can't set immutable config"),
        (("SET", "dir", "/tmp"), "can't set protected config"),
        (("SET", "hz", "10", "hz", "20"), "duplicate parameter"),
        (("SET", "foo", "bar"), "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"),
        (("SET", "user", "bar"), "ERR Unknown option or number of arguments for CONFIG SET - 'user'"),
        (("SET", "hz", "10", "timeout"), "ERR syntax error"),
        (("REWRITE",), "ERR The server is running without a config file"),
        (("SET", "port", "7001"), "restart it with the new value"),
    ],
)
def test_refusals(ask: Callable[..., object], words: tuple[str, ...], text: str) -> None:
    reply = ask(*words)
    assert isinstance(reply, Error)
    assert text in reply


def test_protected_directives_for_local_clients(tmp_path: Path) -> None:
    config = load(["--enable-protected-configs", "local"])
    commands = ConfigCommands(config, Recorder())
    replies: list[object] = []
    commands.answer([b"CONFIG", b"SET", b"dbfilename", b"x.rdb"], False, replies.append)
    commands.answer([b"CONFIG", b"SET", b"dbfilename", b"x.rdb"], True, replies.append)
    assert isinstance(replies[0], Error)
    assert replies[1] is OK


def test_rewrite_changes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "node.conf"
    path.write_text("# mine\nmaxclients 20\n")
    commands = ConfigCommands(load([str(path)]), Recorder())
    replies: list[object] = []
    commands.answer([b"CONFIG", b"SET", b"maxclients", b"30"], True, replies.append)
    commands.answer([b"CONFIG", b"REWRITE"], True, replies.append)
    assert replies == [OK, OK]
    assert path.read_text() == "# mine\nmaxclients 30\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["node.conf"]


def test_rewrite_that_fails_says_so(tmp_path: Path) -> None:
    path = tmp_path / "node.conf"
    path.write_text("maxclients 20\n")
    commands = ConfigCommands(load([str(path)]), Recorder())
    path.unlink()
    replies: list[object] = []
    commands.answer([b"CONFIG", b"REWRITE"], True, replies.append)
    assert str(replies[0]).startswith("ERR Rewriting config file: ")


def test_password_may_be_any_bytes(config: Config, applier: Recorder) -> None:
    commands, replies = ConfigCommands(config, applier), list[object]()
    commands.answer([b"CONFIG", b"SET", b"requirepass", b"\xff\x00x"], True, replies.append)
    assert replies == [OK]
    commands.answer([b"CONFIG", b"GET", b"requirepass"], True, replies.append)
    assert encode(replies[1], 2).endswith(b"$3\r\n\xff\x00x\r\n")
    commands.answer([b"CONFIG", b"SET", b"maxmemory-policy", b"\xff"], True, replies.append)
    assert isinstance(replies[2], Error)


def test_set_waits_for_the_one_before_it(config: Config, applier: Recorder) -> None:
    commands = ConfigCommands(config, applier)
    replies: list[object] = []
    applier.is_slow = True
    for value in (b"5", b"5", b"6", b"x", b"7"):
        commands.answer([b"CONFIG", b"SET", b"timeout", value], True, replies.append)
    assert (replies, len(applier.pending)) == ([], 1)
    applier.error = NotAppliedError("timeout", "no")
    applier.pending.pop()()
    # The second is judged by what the first has left, which is nothing.
    assert (len(replies), len(applier.pending)) == (1, 1)
    applier.error = None
    applier.pending.pop()()
    assert replies[1:] == [OK]
    applier.is_slow = False
    applier.pending.pop()()
    assert [type(reply) for reply in replies[2:]] == [type(OK), Error, type(OK)]
    assert [changes["timeout"] for changes in applier.applied] == ["5", "5", "6", "7"]
    assert config.text("timeout") == "7"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("port", "7001", "restart it"),
        ("bind", "127.0.0.1", "restart it"),
        ("logfile", "elsewhere", "immutable"),
        ("aclfile", "users", "immutable"),
        ("dbfilename", "dump", "protected"),
        ("tls-port", "7001", "not built yet"),
        ("tls-cluster", "yes", "not built yet"),
    ],
)
def test_set_refuses_what_it_would_not_do(
    ask: Callable[..., object], applier: Recorder, name: str, value: str, why: str
) -> None:
    """The start refuses these too, or reads them once: OK would not be true."""
    reply = ask("SET", "timeout", "5", name, value)
    assert isinstance(reply, Error)
    assert f"related to argument '{name}'" in str(reply)
    assert why in str(reply)
    assert applier.applied == []
