"""What strangers and broken clients send: an error and a closed connection, no crash, no stall, no heap."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.wire import Server, Wire, start_garrison

REPLY_SECONDS_MAX = 30.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_garrison(tmp_path_factory.mktemp("node"))
    if isinstance(server, str):
        pytest.skip(server)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def locked_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A node with a password: everybody is a stranger."""
    server = start_garrison(tmp_path_factory.mktemp("locked"), "--requirepass", "secret")
    if isinstance(server, str):
        pytest.skip(server)
    yield server
    server.stop()


def connect(node: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", node.port), timeout=REPLY_SECONDS_MAX)


def all_until_close(connection: socket.socket) -> bytes:
    """Everything that the server sends until it closes; a server that does not close fails the test."""
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not data:
            return received
        received += data


def assert_serves(node: Server) -> None:
    with connect(node) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "error"),
    [
        (b"*1\r\n$4294967296\r\n", b"invalid bulk length"),
        (b"*1\r\n$-7\r\n", b"invalid bulk length"),
        (b"*1\r\n$99999999999999999999999999\r\n", b"invalid bulk length"),
        (b"*2147483648\r\n", b"invalid multibulk length"),
        (b"*1\r\n:1\r\n", b"expected '$', got ':'"),
        (b"*x\r\n", b"invalid multibulk length"),
        (b'set "unbalanced\r\n', b"unbalanced quotes in request"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"RESP, not HTTP"),
        (b"POST / HTTP/1.1\r\n", b"RESP, not HTTP"),
        (b"a" * 70_000, b"too big inline request"),
    ],
    ids=lambda value: value[:18].decode().strip() if isinstance(value, bytes) else None,
)
def test_what_is_no_resp_gets_an_error_and_a_close(node: Server, request_bytes: bytes, error: bytes) -> None:
    with connect(node) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(request_bytes)
        reply = all_until_close(connection)
    assert reply.startswith(b"-ERR Protocol error: ")
    assert error in reply
    assert_serves(node)


@pytest.mark.parametrize(
    ("request_bytes", "error"),
    [
        (b"*11\r\n", b"unauthenticated multibulk length"),
        (b"*1\r\n$20000\r\n", b"unauthenticated bulk length"),
        (b"*3\r\n$9000\r\n" + b"x" * 9000 + b"\r\n$9000\r\n", b"unauthenticated request length"),
        (b"a" * 17_000, b"too big inline request"),
    ],
    ids=["args", "bulk", "request", "inline"],
)
def test_a_stranger_may_ask_little(locked_node: Server, request_bytes: bytes, error: bytes) -> None:
    with connect(locked_node) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(request_bytes)
        assert error in all_until_close(connection)


def resident_kib(node: Server) -> int:
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_strangers_cost_at_most_32_kib_each(locked_node: Server) -> None:
    """Many strangers, each with an unfinished request as large as it may be: bounded each and in sum."""
    count = 2500  # Many, because the allocator takes memory in steps of megabytes.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 500:
        pytest.skip(f"this machine allows {hard} open files, too few for {count} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 500), hard))
    request = (b"*10\r\n" + (b"$1620\r\n" + b"x" * 1620 + b"\r\n") * 10)[:-1]
    with contextlib.ExitStack() as stack:
        few = 100  # What the first of all touch stays and serves everybody.
        for number in range(count + few):
            if number == few:
                until_received(locked_node, few * len(request), password="secret")
                before = resident_kib(locked_node)
            stack.enter_context(connect(locked_node)).sendall(request)
        until_received(locked_node, (count + few) * len(request), password="secret")
        assert_asks_for_password(locked_node)
        assert (resident_kib(locked_node) - before) / count < 32


def until_received(node: Server, count: int, password: str = "") -> None:
    """Wait until the node holds so many bytes of unfinished requests."""
    control = Wire(node)
    if password:
        control("AUTH", password)
    deadline = time.monotonic() + 60
    while True:
        lines = bytes(control("CLIENT", "LIST")).decode().splitlines()
        held = sum(int(dict(part.split("=", 1) for part in line.split())["qbuf"]) for line in lines)
        if held >= count:
            break
        assert time.monotonic() < deadline, f"the node holds {held} bytes of {count}"
        time.sleep(0.05)
    control.close()


def assert_asks_for_password(node: Server) -> None:
    with connect(node) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"-NOAUTH Authentication required.\r\n"


def test_half_open_requests_delay_nobody(node: Server) -> None:
    """A thousand clients with half a request each: a PING takes less than 100 ms all the same.

    Half of the PINGs must, as a busy machine may stop anybody for that long.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(connect(node)).sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nab")
        seconds = []
        with connect(node) as connection:
            for _ in range(50):
                begun = time.monotonic()
                connection.sendall(b"PING\r\n")
                assert connection.recv(64) == b"+PONG\r\n"
                seconds.append(time.monotonic() - begun)
        assert statistics.median(seconds) < 0.1


def test_a_request_in_single_bytes_is_understood(node: Server) -> None:
    with connect(node) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n":
            connection.sendall(bytes([byte]))
        assert connection.recv(64) == b"$3\r\nabc\r\n"


def test_a_large_argument_in_many_pieces_is_understood(node: Server) -> None:
    payload = os.urandom(3_000_000)
    with connect(node) as connection:
        connection.sendall(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % len(payload) + payload + b"\r\nPING\r\n")
        expected = b"$%d\r\n" % len(payload) + payload + b"\r\n+PONG\r\n"
        received = b""
        while len(received) < len(expected):
            received += connection.recv(1 << 20)
    assert received == expected


def test_a_promised_length_allocates_nothing(node: Server) -> None:
    """Promises of 512 MiB by many clients cost what they have sent."""
    before = resident_kib(node)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(node)).sendall(b"*2\r\n$4\r\nECHO\r\n$536870912\r\nabc")
        until_received(node, 50 * len(b"*2\r\n$4\r\nECHO\r\n$536870912\r\nabc"))
        assert resident_kib(node) - before < 50 * 64
        assert_serves(node)


def test_random_bytes_are_survived(node: Server) -> None:
    for length in (1, 7, 100, 5000):
        for _ in range(25):
            with connect(node) as connection, contextlib.suppress(OSError):
                connection.sendall(os.urandom(length))
                connection.shutdown(socket.SHUT_WR)
                all_until_close(connection)
    assert_serves(node)


def test_pipeline_that_is_sent_whole_before_anything_is_read(node: Server) -> None:
    """As redis-py does; a node that waits for the client to read would wait for ever."""
    count, value = 100_000, b"x" * 200
    with connect(node) as connection:
        connection.sendall(b"SET pipelined " + value + b"\r\n")
        assert connection.recv(64) == b"+OK\r\n"
        connection.sendall(b"*2\r\n$3\r\nGET\r\n$9\r\npipelined\r\n" * count)
        wanted = count * len(b"$200\r\n" + value + b"\r\n")
        with connection.makefile("rb") as replies:
            assert len(replies.read(wanted)) == wanted


def test_a_client_that_never_reads_is_bounded_and_delays_nobody(node: Server) -> None:
    """It asks for far more than the sockets hold; the others are served meanwhile."""
    payload = b"x" * 1_000_000
    with connect(node) as greedy:
        greedy.setblocking(False)
        request = b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % len(payload) + payload + b"\r\n"
        stop_at = time.monotonic() + 2.0
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < stop_at:
                with contextlib.suppress(BlockingIOError):
                    greedy.send(request)
                assert_serves(node)
        assert resident_kib(node) < 2_000_000
