"""Running in the background, and notifying whoever waits that the process is ready.

The process that was started waits until the process in the background serves or has failed, so that its exit
code tells the truth.
"""

from __future__ import annotations

import os
import signal
import socket
import sys


class Readiness:
    """Whom to notify when the process serves: a waiting parent, systemd or upstart."""

    def __init__(self, supervised: str) -> None:
        self.supervisor = _supervisor(supervised)
        self._pipe = -1

    def wait_on(self, pipe: int) -> None:
        self._pipe = pipe

    def notify(self) -> None:
        """The process serves."""
        if self._pipe >= 0:
            os.write(self._pipe, b"1")
            os.close(self._pipe)
            self._pipe = -1
        if self.supervisor == "systemd":
            _notify_systemd("STATUS=Ready to accept connections\nREADY=1\n")
        elif self.supervisor == "upstart":
            os.kill(os.getpid(), signal.SIGSTOP)


def go_to_background(readiness: Readiness) -> None:
    """Go on without a terminal; the parent stays until `readiness` is notified or we have ended."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os._exit(0 if os.read(reading, 1) else 1)
    os.close(reading)
    os.setsid()
    if os.fork():
        os._exit(0)
    readiness.wait_on(writing)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _supervisor(supervised: str) -> str:
    if supervised in ("auto", "systemd") and os.environ.get("NOTIFY_SOCKET"):
        return "systemd"
    if supervised in ("auto", "upstart") and os.environ.get("UPSTART_JOB"):
        return "upstart"
    return "no"


def _notify_systemd(text: str) -> None:
    """One datagram to the socket that systemd named; '@' stands for the abstract namespace."""
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
        try:
            notifier.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            print(f"garrison: systemd could not be notified: {error}", file=sys.stderr)
