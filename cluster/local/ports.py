"""Ports on this machine: which are free, and which process has one that is not.

A port counts as free when a server could listen on it now. Servers set SO_REUSEADDR, so what earlier
connections have left in TIME_WAIT is not in their way, and the probe sets it too.
"""

import contextlib
import os
import random
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from garrison.base.process_title import masked_words
from garrison.cluster.errors import ManagerError, UsageProblem

HOST = "127.0.0.1"
BUS_PORT_OFFSET = 10_000
PORT_MAX = 65_535
PORTS_FROM, PORTS_BELOW = 20_000, 22_768
"""The bus ports, 10,000 above, stay below 32,768, where Linux begins to hand out ports to connections:
one of those could take a port between our look and the node's start."""
SHOWN_MAX = 3
COMMAND_LENGTH_MAX = 60
SOCKET_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
TIME_WAIT = "06"
NO_INODE = "0"
"""What a socket has that no process holds any more."""
UNSEEN = "a process that this user may not look at"


class PortInUseError(ManagerError):
    """A port that is needed has another process listening on it."""


def free_ports(count: int) -> list[int]:
    """Ports that are free now, each with its bus port."""
    chosen: list[int] = []
    candidates = random.sample(range(PORTS_FROM, PORTS_BELOW), PORTS_BELOW - PORTS_FROM)
    for port in candidates:
        if len(chosen) == count:
            break
        if are_free([port], with_bus=True):
            chosen.append(port)
    return sorted(chosen)


def port_range(first: int, count: int, *, with_bus: bool, option: str = "--port") -> list[int]:
    """``count`` ports from ``first`` on. UsageProblem if they do not exist."""
    last = first + count - 1
    highest = PORT_MAX - BUS_PORT_OFFSET if with_bus else PORT_MAX
    if first < 1 or last > highest:
        bus = f"; their bus ports are {BUS_PORT_OFFSET} higher" if with_bus else ""
        raise UsageProblem(
            f"{option} {first}: {count} ports are needed from there on{bus}; "
            f"choose one from 1 to {highest - count + 1}"
        )
    return list(range(first, last + 1))


def demand_free(ports: Sequence[int], *, with_bus: bool, advice: Callable[[], str]) -> None:
    """Raise PortInUseError if one of the ports is in use, with the processes that have them."""
    taken = [port for port in _needed(ports, with_bus=with_bus) if not is_free(port)]
    if not taken:
        return
    holders = _holders(set(taken))
    lines = [
        f"port {port}{'' if port in ports else ' (the bus)'} is in use by {holders.get(port, UNSEEN)}"
        for port in taken[:SHOWN_MAX]
    ]
    if len(taken) > SHOWN_MAX:
        lines.append(f"{len(taken) - SHOWN_MAX} more are in use")
    raise PortInUseError(f"{', '.join(lines)}; {advice()}")


def are_free(ports: Sequence[int], *, with_bus: bool) -> bool:
    """Whether servers could listen on all of these ports now, and on their bus ports if they have some."""
    return all(map(is_free, _needed(ports, with_bus=with_bus)))


def _needed(ports: Sequence[int], *, with_bus: bool) -> list[int]:
    """The ports, then their bus ports."""
    return [*ports, *(port + BUS_PORT_OFFSET for port in ports if with_bus)]


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _holders(ports: set[int]) -> dict[int, str]:
    """Port to the process that has it, as far as this user may look."""
    inodes = dict(_sockets_at(ports))
    found = {inodes.pop(NO_INODE): "a connection that is being closed"} if NO_INODE in inodes else {}
    for folder in Path("/proc").glob("[0-9]*"):
        if len(found) == len(ports):
            break
        for inode in _inodes_of(folder):
            if inode in inodes:
                found.setdefault(inodes[inode], _describe(folder))
    return found


def _sockets_at(ports: set[int]) -> Iterator[tuple[str, int]]:
    """The inode of each socket that is bound to one of the ports, and its port."""
    for table in SOCKET_TABLES:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if port in ports and fields[3] != TIME_WAIT:
                yield fields[9], port


def _inodes_of(process: Path) -> Iterator[str]:
    """The sockets that a process has open. A process that ends meanwhile has none."""
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(process / "fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(descriptor.path)
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]


def _describe(process: Path) -> str:
    """The command line, shortened and without passwords, and the process id."""
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        shown = _shortened([word for word in " ".join(words).split() if word])
    except OSError:
        shown = "a process"
    return f"{shown} (pid {process.name})"


def _shortened(words: Iterable[str]) -> str:
    name, *rest = masked_words(words) or ["a process"]
    text = " ".join([os.path.basename(name), *rest])
    return text if len(text) <= COMMAND_LENGTH_MAX else f"{text[:COMMAND_LENGTH_MAX]}..."
