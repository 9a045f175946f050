"""Thousands of servers in one process, as far as a Sentinel sees them: PING, INFO, the hello channel,
REPLICAOF.

    python bench/sentinel_targets.py FIRST_PORT GROUPS REPLICAS

Groups are neighbouring ports: a primary and its replicas. `SIGUSR1` makes every tenth primary go away.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import hiredis
import uvloop

FILLER = "".join(f"statistic_of_a_real_server_{number}:{number * 7919}\r\n" for number in range(150))


class Target:
    """One server."""

    def __init__(self, port: int, primary_port: int, replicas: int) -> None:
        self.port = port
        self.follows = 0 if port == primary_port else primary_port
        self.group = range(primary_port, primary_port + 1 + replicas)
        self.run_id = f"{port:040x}"
        self.listeners: set[asyncio.Transport] = set()
        self.connections: set[asyncio.Transport] = set()
        self.server: asyncio.Server | None = None

    def info(self) -> bytes:
        lines = [f"run_id:{self.run_id}", f"role:{'slave' if self.follows else 'master'}"]
        if self.follows:
            lines += ["master_host:127.9.9.9", f"master_port:{self.follows}", "master_link_status:up"]
            lines += ["slave_repl_offset:1000", "slave_priority:100"]
        else:
            others = [port for port in self.group if port != self.port]
            lines += [f"slave{at}:ip=127.9.9.9,port={port},state=online" for at, port in enumerate(others)]
            lines.append("master_repl_offset:1000")
        return (FILLER + "\r\n".join(lines) + "\r\n").encode()

    def answer(self, transport: asyncio.Transport, argv: list[bytes]) -> bytes:
        name = argv[0].upper()
        if name == b"PING":
            return b"+PONG\r\n"
        if name == b"PUBLISH":
            channel, text = argv[1], argv[2]
            message = b"*3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
                len(channel),
                channel,
                len(text),
                text,
            )
            for listener in self.listeners:
                listener.write(message)
            return b":1\r\n"
        if name == b"INFO":
            text = self.info()
            return b"$%d\r\n%b\r\n" % (len(text), text)
        if name == b"SUBSCRIBE":
            self.listeners.add(transport)
            return b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(argv[1]), argv[1])
        if name in (b"SLAVEOF", b"REPLICAOF"):
            self.follows = 0 if argv[1].upper() == b"NO" else int(argv[2])
        if name == b"EXEC":
            return b"*4\r\n" + 4 * b"+OK\r\n"
        return b"+OK\r\n"

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
        for transport in list(self.connections):
            transport.abort()


class Connection(asyncio.Protocol):
    def __init__(self, target: Target) -> None:
        self.target = target
        self.reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.target.connections.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.target.connections.discard(self.transport)
        self.target.listeners.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        out = []
        while (argv := self.reader.gets()) is not False:
            out.append(self.target.answer(self.transport, argv))
        self.transport.write(b"".join(out))


async def main() -> None:
    first, groups, replicas = map(int, sys.argv[1:4])
    loop = asyncio.get_running_loop()
    targets = []
    for group in range(groups):
        primary = first + group * (1 + replicas)
        targets += [Target(port, primary, replicas) for port in range(primary, primary + 1 + replicas)]
    for target in targets:
        target.server = await loop.create_server(
            lambda target=target: Connection(target), "127.9.9.9", target.port
        )

    def lose_some() -> None:
        for target in targets[:: 10 * (1 + replicas)]:
            target.close()

    loop.add_signal_handler(signal.SIGUSR1, lose_some)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(main())
