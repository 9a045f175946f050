"""PING, ECHO, HELLO, SELECT, RESET, QUIT, CLIENT and the edges of the protocol."""

from __future__ import annotations

import pytest

from tests.commands.wire import Peers, Wire


def test_ping(r: Wire) -> None:
    assert r("PING") == "PONG"
    assert r("PING", "hello") == b"hello"
    assert r.error("PING", "a", "b") == "ERR wrong number of arguments for 'ping' command"


def test_echo(r: Wire) -> None:
    assert r("ECHO", b"a\r\n\x00b") == b"a\r\n\x00b"


def test_inline_commands(r: Wire) -> None:
    r.raw(b"PING\r\n")
    assert r.read() == "PONG"
    r.raw(b'SET k "a b"\n')
    assert r.read() == "OK"
    r.raw(b"\r\nGET k\r\n")
    assert r.read() == b"a b"


def test_a_pipeline_is_answered_in_order(r: Wire) -> None:
    replies = r.many(*[("ECHO", number) for number in range(200)])
    assert replies == [str(number).encode() for number in range(200)]


def test_a_command_in_pieces(r: Wire) -> None:
    for byte in b"*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n":
        r.raw(bytes([byte]))
    assert r.read() == b"abc"


def test_hello_names_the_protocol(r: Wire) -> None:
    hello = r.map("HELLO")
    assert hello[b"proto"] == r.protocol
    assert hello[b"role"] == b"master"
    assert hello[b"mode"] == b"standalone"
    assert isinstance(hello[b"id"], int)


def test_hello_switches(r: Wire) -> None:
    assert isinstance(r("HELLO", "3"), dict)
    assert isinstance(r("HELLO", "2"), list)
    assert r.error("HELLO", "4") == "NOPROTO unsupported protocol version"
    assert r.map("HELLO", "2", "SETNAME", "tester")[b"proto"] == 2
    assert r("CLIENT", "GETNAME") == b"tester"


def test_select(r: Wire) -> None:
    assert r("SET", "k", "zero") == "OK"
    assert r("SELECT", "1") == "OK"
    assert r("GET", "k") is None
    assert r("SELECT", "0") == "OK"
    assert r("GET", "k") == b"zero"
    assert r.error("SELECT", "16") == "ERR DB index is out of range"


def test_reset(r: Wire) -> None:
    r("SELECT", "3")
    r("MULTI")
    assert r("RESET") == "RESET"
    assert r.map("HELLO")[b"proto"] == 2
    assert r.error("EXEC") == "ERR EXEC without MULTI"


def test_quit(r: Wire) -> None:
    other = r.another()
    assert other("QUIT") == "OK"
    assert other.is_closed()


def test_client_names(r: Wire) -> None:
    assert r("CLIENT", "GETNAME") is None
    assert r("CLIENT", "SETNAME", "someone") == "OK"
    assert r("CLIENT", "GETNAME") == b"someone"
    assert "cannot contain spaces" in r.error("CLIENT", "SETNAME", "a b")
    assert r("CLIENT", "SETNAME", "") == "OK"
    assert r("CLIENT", "GETNAME") is None


def test_client_list_and_kill(r: Wire) -> None:
    other = r.another()
    other_id = other("CLIENT", "ID")
    assert f"id={other_id} ".encode() in bytes(r("CLIENT", "LIST"))
    assert r("CLIENT", "KILL", "ID", other_id) == 1
    assert other.is_closed()


@pytest.mark.parametrize(
    "words",
    [("NOTHING",), ("NOTHING", "a", "b c"), ("GET",), ("CLIENT", "NOTHING"), ("DEBUG",)],
)
def test_the_same_errors(peers: Peers, words: tuple[str, ...]) -> None:
    kind, _ = peers.same(*words)
    assert kind == "error"


@pytest.mark.parametrize(
    "data",
    [
        b"*1\r\n$-5\r\n",
        b"*1\r\n$abc\r\n",
        b"*1\r\n$04\r\nPING\r\n",
        b"*01\r\n$4\r\nPING\r\n",
        b"*1\r\nfoo\r\n",
        b"*99999999999\r\n",
        b"*abc\r\n",
        b"*1\r\n$9999999999\r\n",
        b'SET k "open\r\n',
    ],
)
def test_malformed_requests_get_an_error_and_a_closed_connection(r: Wire, data: bytes) -> None:
    other = r.another(protocol=2)
    other.raw(data)
    assert other.read_bytes().startswith(b"-ERR Protocol error")
    assert r("PING") == "PONG"


def test_a_command_may_have_a_million_arguments(r: Wire) -> None:
    r("SET", "last", "1")
    assert r("DEL", *(f"k{number}" for number in range(1_048_577)), "last") == 1


@pytest.mark.parametrize("data", [b"*0\r\n", b"*-1\r\n", b"\r\n"])
def test_empty_requests_are_skipped(r: Wire, data: bytes) -> None:
    r.raw(data)
    assert r("PING") == "PONG"


@pytest.mark.parametrize("data", [b"POST / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost:6379\r\n"])
def test_a_browser_is_cut_off(r: Wire, data: bytes) -> None:
    other = r.another(protocol=2)
    other.raw(data + b"\r\nSET stolen 1\r\n")
    other.read_bytes()
    assert r("EXISTS", "stolen") == 0


def test_an_endless_inline_line(r: Wire) -> None:
    other = r.another(protocol=2)
    try:
        other.raw(b"a" * (80 << 10))
    except OSError:
        pass
    assert other.read_bytes() in (b"-ERR Protocol error: too big inline request\r\n", b"")
    assert r("PING") == "PONG"


@pytest.mark.parametrize("port", ["x", "-1", "70000", ""])
def test_replicaof_a_port_that_is_none(r: Wire, port: str) -> None:
    assert r.error("REPLICAOF", "host", port) == "ERR Invalid master port"
