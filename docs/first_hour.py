"""Records docs/first-hour.cast anew: a shell in which the first hour of a new user is typed and carried out.

    .venv/bin/python docs/first_hour.py          (port 7000 and the five after it must be free)

All output is real; only the pauses of the typing are made up. A step whose output lacks what it must show
stops the recording, and the old file stays. The format is asciicast v2: `asciinema play docs/first-hour.cast`
shows it, and it can be read as text. A test (`tests/unit/house/test_first_hour.py`) holds the commands to
what there is.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

CAST = Path(__file__).with_name("first-hour.cast")
COLUMNS, ROWS = 100, 30
TITLE = "The first hour with Garrison"
IDLE_S_MAX = 1.5
"""Players shorten longer pauses to this."""
KEY_PAUSE_S = 0.03
STEP_DEADLINE_S = 60.0
PROMPT = "\x1b]0;garrison\x07$ "
"""A title, which no output contains, tells the shell's prompt from other text."""
SHELL_PROMPT = r"\[\e]0;garrison\a\]$ "
CLI_PROMPT = r"127\.0\.0\.1:\d+> ?$"

REDIS_PY = """\
python - <<'END'
from redis.cluster import RedisCluster
r = RedisCluster(host="127.0.0.1", port=7000)
r.set("user:2", "bob")
print(r.get("user:1"), r.get("user:2"), r.incr("hits"))
END"""


@dataclass(frozen=True)
class Step:
    """What is typed, what its output must match, and what to wait for before the next step."""

    typed: str
    shows: str
    until: str = re.escape(PROMPT) + "$"


STEPS = [
    Step("# a cluster of six nodes on this machine", ""),
    Step("garrison dev &", r"6 nodes serve at 127\.0\.0\.1:7000", until="Ctrl-C stops them"),
    Step("", ""),
    Step("# any Redis client works: redis-py ...", ""),
    Step("garrison cli -p 7000 -c SET user:1 alice", "OK"),
    Step(REDIS_PY, "b'alice' b'bob' 1"),
    Step("# ... and the prompt that comes with Garrison", ""),
    Step("garrison cli -p 7000 -c", "", until=CLI_PROMPT),
    Step("HSET profile:1 name alice visits 3", "integer", until=CLI_PROMPT),
    Step("HELLO 3", "server", until=CLI_PROMPT),
    Step("HGETALL profile:1", "1# ", until=CLI_PROMPT),
    Step("help expire", "EXPIRE key seconds", until=CLI_PROMPT),
    Step("quit", ""),
    Step("# is the cluster well?", ""),
    Step("garrison cluster check 127.0.0.1:7000", ""),
    Step("# a primary dies: a replica takes its place", ""),
    Step("kill -9 $(garrison cli -p 7000 INFO server | sed -n 's/^process_id:\\([0-9]*\\).*/\\1/p')", ""),
    Step("until garrison cli -p 7001 -c -e INCR hits; do sleep 0.3; done", r"\(integer\)"),
    Step("garrison cluster info 127.0.0.1:7001", ""),
    Step("# move 1,000 slots while clients go on", ""),
    Step("garrison cluster reshard 127.0.0.1:7001 --slots 1000 --to 127.0.0.1:7002 --yes", ""),
    Step("garrison cli -p 7002 -c GET user:1", "alice"),
    Step("kill -INT %1; wait %1", "stopping"),
]
"""In order; `tests/unit/house/test_first_hour.py` reads them."""


@dataclass
class Recording:
    """A shell in a terminal, and what it has shown since when."""

    descriptor: int
    events: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    shown: str = ""
    """The text since the last step began."""

    def take(self, seconds: float) -> None:
        """Read what comes within this time."""
        ready, _, _ = select.select([self.descriptor], [], [], seconds)
        if ready:
            data = os.read(self.descriptor, 65536).decode("utf-8", "replace")
            self.events.append((round(time.monotonic() - self.began, 3), data))
            self.shown += data

    def carry_out(self, step: Step) -> None:
        """Type a step and wait until its end is shown. Raises RuntimeError if that does not come."""
        self.shown = ""
        for key in f"{step.typed}\n":
            os.write(self.descriptor, b"\r" if key == "\n" else key.encode())
            self.take(KEY_PAUSE_S)
        deadline = time.monotonic() + STEP_DEADLINE_S
        while not re.search(step.until, plain(self.shown[-4000:])):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{step.typed!r} does not end: {self.shown!r}")
            self.take(0.1)
        if not re.search(step.shows, plain(self.shown)):
            raise RuntimeError(f"{step.typed!r} does not show {step.shows!r}: {self.shown!r}")


def plain(text: str) -> str:
    """Text without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def record() -> Recording:
    """Carry out all steps in a shell in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="first-hour-") as folder:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": folder,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PS1": SHELL_PROMPT,
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        recording = Recording(master)
        try:
            recording.take(5.0)
            for step in STEPS:
                recording.carry_out(step)
        finally:
            # The shell passes the hang-up on to the cluster that it has started.
            shell.send_signal(signal.SIGHUP)
            shell.wait()
            os.close(master)
    return recording


def main() -> None:
    """Record, and write the file."""
    recording = record()
    header = {
        "version": 2,
        "width": COLUMNS,
        "height": ROWS,
        "title": TITLE,
        "idle_time_limit": IDLE_S_MAX,
        "env": {"TERM": "xterm-256color", "SHELL": "/bin/bash"},
    }
    lines = [json.dumps(header), *(json.dumps([at, "o", data]) for at, data in recording.events)]
    CAST.write_text("\n".join(lines) + "\n")
    print(f"{CAST}: {len(recording.events)} events, {recording.events[-1][0]:.0f} s")


if __name__ == "__main__":
    main()
