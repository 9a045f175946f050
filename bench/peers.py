"""The servers that a benchmark compares: started alone on a core, measured from /proc, ended by their id."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS_MAX = 120.0


@dataclass(frozen=True)
class Peer:
    """A kind of server: its name in tables, and how to start it."""

    name: str
    command: tuple[str, ...]

    def is_installed(self) -> bool:
        return shutil.which(self.command[0]) is not None


GARRISON = Peer("garrison", (sys.executable, "-m", "garrison", "node"))
REDIS = Peer("redis", ("redis-server",))
VALKEY = Peer("valkey", ("valkey-server",))


@dataclass
class Server:
    """A running server."""

    peer: Peer
    port: int
    process: subprocess.Popen[bytes]
    first_ping_ms: float

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Memory that it holds now."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES


def encode(*words: str) -> bytes:
    """A command in RESP."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(peer: Peer, core: int | None = None, *options: str) -> Iterator[Server]:
    """Start a server on one core, wait for its first PONG, and end it afterwards."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="garrison-bench-") as folder:
        pin = ("taskset", "-c", str(core)) if core is not None else ()
        command = (*pin, *peer.command, "--port", str(port), "--dir", folder, "--save", "", *options)
        log = Path(folder) / "log"
        begun = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield Server(peer, port, process, wait_for_pong(process, port, begun, log))
        finally:
            process.kill()
            process.wait()


def wait_for_pong(process: subprocess.Popen[bytes], port: int, begun: float, log: Path) -> float:
    """Milliseconds from the start of the process to its first PONG."""
    while time.monotonic() - begun < START_SECONDS_MAX and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=1) as connection,
        ):
            connection.sendall(b"PING\r\n")
            if connection.recv(7) == b"+PONG\r\n":
                return (time.monotonic() - begun) * 1000
        time.sleep(0.002)
    raise RuntimeError(f"the server did not answer PING; its log says:\n{log.read_text(errors='replace')}")
