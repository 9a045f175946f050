"""The health check says what is wrong with an address, and whether a node answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from garrison.node.health import main


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers one PING and asks for a password."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"-NOAUTH Authentication required.\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("form", ["{}", "127.0.0.1:{}", "redis://:pw@127.0.0.1:{}"])
def test_node_that_asks_for_a_password_is_alive(port: int, form: str) -> None:
    assert main([form.format(port), "--timeout", "20"]) == 0


class _Pages(BaseHTTPRequestHandler):
    """/healthz is well, /readyz is not."""

    def do_GET(self) -> None:
        is_well = self.path == "/healthz"
        self.send_response(200 if is_well else 503)
        self.end_headers()
        self.wfile.write(b"ok" if is_well else b"the picture is 12 s old")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_status_of_a_health_page_decides(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    for well in (site, f"{site}/", f"{site}/healthz"):
        assert main([well, "--timeout", "20"]) == 0
    assert main([f"{site}/readyz", "--timeout", "20"]) == 1
    assert "status 503: the picture is 12 s old" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_is_help(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert main([word]) == 0
    assert capsys.readouterr().out.startswith("usage: garrison health")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--foo"], "there is no option '--foo'"),
        (["a:1", "b:2"], "one address, not 2"),
        (["nowhere"], "write host:port"),
        (["http://"], "write http://host:port"),
        (["http://user@host:1"], "write http://host:port"),
        (["http://host:99999"], "Port out of range"),
        (["7000", "--timeout", "soon"], "--timeout soon: give a number of seconds"),
    ],
)
def test_wrong_usage_says_what_is_right(
    capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert reason in err
    assert "--help" in err


def test_silent_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        number = unused.getsockname()[1]
        assert main([str(number)]) == 1
        assert main([f"http://127.0.0.1:{number}"]) == 1
    assert capsys.readouterr().err.count(f"127.0.0.1:{number} does not answer") == 2
