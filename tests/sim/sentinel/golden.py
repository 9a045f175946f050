"""Readable scenarios: a script of what happens, and what the Sentinels then tell and know.

In `golden/*.txt` a line that begins with ``> `` is a step; the lines below it are what came of it.
``python -m tests.sim.sentinel.golden`` writes the outcomes anew; read the difference before you commit it.

    > group servers=3 sentinels=3 quorum=2 down-after=1000    A is the primary, B and C follow; S1 to S3 watch
    > run 2000 | until +selected-slave               let time pass (ms), or until somebody tells this
    > kill A | start A [empty] | pause A | resume A | move S1 [S2] | copy S1
    > roll-back S1 | jump S1 5000 | die S1           an old disk; a clock that jumps; an end at the next save
    > fill S1 | free S1                              its disk is full, or takes its configuration again
    > cut A | cut A S1 | one-way A S1 | heal         A and all others, two of them, what A sends to S1
    > set A priority 0                               an attribute of the model of the server
    > S1 FAILOVER g                                  a SENTINEL command, and its reply
    > A REPLICAOF B                                  a command to a data server
    > show                                           what each server is, and what each Sentinel knows
"""

from __future__ import annotations

import sys
from pathlib import Path

from garrison.sentinel.core.settings import Monitor

from .data_server import DataServer
from .network import Host
from .sentinel_host import SentinelHost
from .simulation import Group, Simulation

FOLDER = Path(__file__).parent / "golden"
SEED = 1
NAME = "g"
FORMED_MS = 10_000


class Script:
    """Runs the steps of one scenario."""

    def __init__(self) -> None:
        self._sim = Simulation(SEED)
        self._seen = 0

    def play(self, text: str) -> str:
        """The scenario with its outcomes as they are."""
        out: list[str] = []
        for line in text.splitlines():
            if line.startswith("#"):
                out.append(line)
            elif line.startswith("> "):
                out += ["", line] if out else [line]
                out += self._step(line[2:].split())
        return "\n".join(out) + "\n"

    def _step(self, words: list[str]) -> list[str]:
        answer: list[str] = []
        if words[0] in self._sim.sentinels:
            answer = self._ask(words)
        elif words[0] in self._sim.servers:
            argv = [part.encode() for part in self._with_addresses(words[1:])]
            answer = [f"  {self._server(words[0]).command(*argv)!r}"]
        elif words[0] == "show":
            answer = self._show()
        else:
            getattr(self, "_" + words[0].replace("-", "_"))(*words[1:])
        return self._news() + answer

    def _news(self) -> list[str]:
        lines = self._sim.readable(self._sim.lines[self._seen :])
        self._seen = len(self._sim.lines)
        return lines

    # The steps.

    def _group(self, *words: str) -> None:
        options = {key: int(value) for key, value in (word.split("=") for word in words)}

        def monitor(group: Group) -> Monitor:
            return Monitor(
                group.name, *group.first, options.get("quorum", 2), options.get("down-after", 1_000),
                options.get("failover-timeout", 10_000), options.get("parallel-syncs", 1),
            )  # fmt: skip

        self._sim.monitor = monitor
        self._sim.add_group(NAME, options["servers"])
        for _ in range(options["sentinels"]):
            self._sim.add_sentinel()
        formed = self._sim.run_until(lambda: not self._sim.checks.converged(), FORMED_MS)
        assert formed, self._sim.checks.converged()
        self._seen = len(self._sim.lines)

    def _run(self, duration_ms: str) -> None:
        self._sim.run(int(duration_ms))

    def _until(self, event: str) -> None:
        found = self._sim.run_until(lambda: any(f" {event} " in line for line in self._sim.lines), 60_000, 1)
        assert found, f"nobody told {event}"

    def _host(self, name: str) -> Host:
        found = self._sim.servers.get(name) or self._sim.sentinels.get(name)
        assert found is not None, f"there is no {name}"
        return found

    def _sentinel(self, name: str) -> SentinelHost:
        return self._sim.sentinels[name]

    def _server(self, name: str) -> DataServer:
        return self._sim.servers[name]

    def _kill(self, *names: str) -> None:
        for name in names:
            host = self._host(name)
            assert isinstance(host, DataServer | SentinelHost)
            host.kill()

    def _start(self, name: str, *options: str) -> None:
        host = self._host(name)
        if isinstance(host, DataServer):
            host.start(empty="empty" in options, loading_ms=2_000 if "loading" in options else 0)
        else:
            self._sentinel(name).start()

    def _pause(self, name: str) -> None:
        self._host(name).paused = True

    def _resume(self, name: str) -> None:
        self._host(name).paused = False

    def _move(self, name: str, to: str = "") -> None:
        host = self._sentinel(name)
        host.kill()
        left = self._sentinel(to) if to else None
        host.ip, host.port = (left.ip, left.port) if left else self._sim.new_address()
        if left is not None:
            assert not left.alive, f"{to} still uses its address"
            left.ip, left.port = self._sim.new_address()
        host.start()

    def _copy(self, name: str) -> None:
        host = self._sentinel(name)
        self._sim.checks.copied(host)
        self._sim.add_sentinel(host.disk)

    def _roll_back(self, name: str) -> None:
        """It is started again with the first configuration that it ever saved."""
        host = self._sentinel(name)
        host.kill()
        disk = host.older_disks[0]
        self._sim.checks.rolled_back(host, disk)
        host.start(disk=disk)

    def _jump(self, name: str, by_ms: str) -> None:
        self._sentinel(name).clock_offset_ms += int(by_ms)

    def _die(self, name: str) -> None:
        """It ends as soon as it has saved something, before it sends or answers anything."""
        self._sentinel(name).dies_after = 1

    def _fill(self, name: str) -> None:
        self._sentinel(name).disk_full = True

    def _free(self, name: str) -> None:
        self._sentinel(name).disk_full = False

    def _set(self, name: str, attribute: str, value: str) -> None:
        server = self._server(name)
        setattr(server, attribute, type(getattr(server, attribute))(int(value)))

    def _cut(self, one: str, *others: str) -> None:
        for other in self._sim.network.hosts:
            host = self._host(one)
            if other is not host and (not others or any(other is self._host(name) for name in others)):
                self._sim.network.cut(host, other)

    def _one_way(self, one: str, other: str) -> None:
        self._sim.network.cut(self._host(one), self._host(other), both=False)

    def _heal(self) -> None:
        self._sim.network.heal()

    def _ask(self, words: list[str]) -> list[str]:
        answer = self._sentinel(words[0]).ask("SENTINEL", *self._with_addresses(words[1:]))
        return [f"  {line}" for line in self._sim.readable(_texts(answer))]

    def _with_addresses(self, words: list[str]) -> list[str]:
        at = {name: (server.ip, str(server.port)) for name, server in self._sim.servers.items()}
        return [part for word in words for part in at.get(word, (word,))]

    def _show(self) -> list[str]:
        return [*map(self._shown_server, self._sim.servers), *map(self._shown_sentinel, self._sim.sentinels)]

    def _shown_server(self, name: str) -> str:
        server = self._server(name)
        if not server.alive:
            return f"  {name} is dead"
        if server.follows is None:
            return f"  {name} is primary"
        followed = self._sim.server_at(*server.follows)
        leader = next(name for name, each in self._sim.servers.items() if each is followed)
        return f"  {name} follows {leader}, link {'up' if server.link_up else 'down'}"

    def _shown_sentinel(self, name: str) -> str:
        host = self._sentinel(name)
        if not host.alive:
            return f"  {name} is dead"
        answer = host.ask("SENTINEL", "STATUS", NAME)
        assert isinstance(answer, dict)
        status = answer["primaries"][0]
        text = f"  {name}: {status['address']} epoch {status['config_epoch']}: {status['reason']}"
        return self._sim.readable([text])[0]


def _texts(answer: object) -> list[str]:
    if isinstance(answer, dict):
        return [f"{key}: {value}" for key, value in answer.items()]
    if isinstance(answer, list):
        return [str(each) for each in answer]
    return [str(answer)]


def main() -> int:
    for path in sorted(FOLDER.glob("*.txt")):
        path.write_text(Script().play(path.read_text()))
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
