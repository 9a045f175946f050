"""Hosts of their own on one machine: network namespaces at one switch, and packets lost between them.

Each host has one address, and a packet filter that drops what certain others send: in one direction, unlike
an interface that is down. The tests' own process is connected to the switch too, and loses nothing. The
switch, a bridge, is in a namespace as well, out of reach of this machine's own packet filter.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PREFIX = "gsn"
"""Of all names of namespaces; what follows is the process that made them."""
OUR_NUMBER = 254
ESTABLISHED = "01"
"""How /proc/net/tcp names that state."""
FILTER = """
table inet faults {
  set lost { type ipv4_addr; }
  set lost_from { type ipv4_addr . inet_service . inet_service; }
  set lost_to { type ipv4_addr . inet_service . inet_service; }
  chain arriving { type filter hook input priority 0; policy accept;
    ip saddr @lost drop; ip saddr . tcp sport . tcp dport @lost_from drop; }
  chain leaving { type filter hook output priority 0; policy accept;
    ip daddr . tcp sport . tcp dport @lost_to drop; }
}
"""


@dataclass(frozen=True)
class Host:
    """One namespace."""

    namespace: str
    address: str

    def command(self, *words: str) -> list[str]:
        """The command line that runs another one here; the process has the id of the latter."""
        return ["ip", "netns", "exec", self.namespace, *words]


class Network:
    """Hosts by name."""

    def __init__(self, own: str, subnet: str) -> None:
        self._own = own
        self._subnet = subnet
        self.hosts: dict[str, Host] = {}

    def add(self, name: str) -> Host:
        """A new host."""
        host = Host(f"{self._own}-{name}", f"{self._subnet}.{len(self.hosts) + 1}")
        port = f"port{len(self.hosts)}"
        _ip("netns", "add", host.namespace)
        _ip("link", "add", "eth0", "netns", host.namespace, "type", "veth", "peer", "name", port,
            "netns", f"{self._own}-switch")  # fmt: skip
        lines = f"link set lo up\naddress add {host.address}/24 dev eth0\nlink set eth0 up\n"
        _ip("-n", host.namespace, "-batch", "-", text=lines)
        _ip("-n", f"{self._own}-switch", "link", "set", port, "master", "switch", "up")
        _run(host.command("nft", "-f", "-"), text=FILTER)
        self.hosts[name] = host
        return host

    def lose(self, sources: Iterable[Host], at: Iterable[Host]) -> None:
        """Whatever these send to those does not arrive."""
        elements = ", ".join(source.address for source in sources)
        for host in at:
            _run(host.command("nft", "add", "element", "inet", "faults", "lost", f"{{ {elements} }}"))

    def cut(self, one: Iterable[Host], other: Iterable[Host]) -> None:
        """Nothing arrives in either direction."""
        here, there = list(one), list(other)
        self.lose(here, at=there)
        self.lose(there, at=here)

    def drop_flows(self, host: Host, others: Iterable[Host], to_port: int | None = None) -> int:
        """Lose all packets of the connections between this host and others; new ones work. How many.

        With `to_port` only of those to this port of the others, so of those that this host has opened.
        """
        addresses = {other.address for other in others} - {host.address}
        flows = [
            flow
            for flow in _flows(_run(host.command("cat", "/proc/net/tcp")))
            if flow[1] in addresses and to_port in (None, flow[2])
        ]
        for name, order in (("lost_from", (1, 2, 0)), ("lost_to", (1, 0, 2))):
            elements = ", ".join(" . ".join(str(flow[at]) for at in order) for flow in flows)
            _run(host.command("nft", "add", "element", "inet", "faults", name, f"{{ {elements} }}"))
        return len(flows)

    def heal(self) -> None:
        """Everything arrives again."""
        for host in self.hosts.values():
            for name in ("lost", "lost_from", "lost_to"):
                _run(host.command("nft", "flush", "set", "inet", "faults", name))


def reason_to_skip() -> str:
    """Why there can be no namespaces here; "" when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [program for program in ("ip", "nft") if shutil.which(program) is None]
    if missing:
        return f"network namespaces need {' and '.join(missing)} (Debian: iproute2, nftables)"
    name = f"{PREFIX}{os.getpid()}-probe"
    try:
        _ip("netns", "add", name)
        _ip("-n", name, "link", "add", "probe", "type", "bridge")
        _ip("-n", name, "link", "add", "one", "type", "veth", "peer", "name", "other")
        _run(Host(name, "").command("nft", "-f", "-"), text=FILTER)
    except AssertionError as error:
        return f"this kernel has not what network namespaces need: {error}"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return ""


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A network without hosts, and nothing left of it afterwards."""
    _delete_leftovers()
    own = f"{PREFIX}{os.getpid()}"
    subnet = _free_subnet()
    try:
        switch = f"{own}-switch"
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", switch, "link", "set", "switch", "up")
        _ip("link", "add", own, "type", "veth", "peer", "name", "tests", "netns", switch)
        _ip("-n", switch, "link", "set", "tests", "master", "switch", "up")
        _ip("address", "add", f"{subnet}.{OUR_NUMBER}/24", "dev", own)
        _ip("link", "set", own, "up")
        yield Network(own, subnet)
    finally:
        # Our end of the cable goes with the switch at its other end.
        subprocess.run(["ip", "link", "del", own], capture_output=True, check=False)
        for name in _namespaces():
            if name.startswith(f"{own}-"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _namespaces() -> list[str]:
    return [line.split()[0] for line in _ip("netns", "list").splitlines() if line.strip()]


def _delete_leftovers() -> None:
    """What tests have left that were killed themselves."""
    for name in _namespaces():
        found = re.fullmatch(rf"{PREFIX}([0-9]+)-.*", name)
        if found and not Path(f"/proc/{found[1]}").exists():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _free_subnet() -> str:
    """The first three numbers of a network that this machine has no route into."""
    taken = _ip("-4", "route", "show", "table", "all")
    while True:
        subnet = f"10.{random.randrange(128, 250)}.{random.randrange(1, 250)}"
        if f"{subnet}." not in taken:
            return subnet


def _flows(table: str) -> list[tuple[int, str, int]]:
    """Our port, and the other's address and port, of each established connection in /proc/net/tcp."""
    found = []
    for line in table.splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        address, port = remote.split(":")
        if state == ESTABLISHED:
            # The four bytes stand in the order of the machine.
            octets = int(address, 16).to_bytes(4, sys.byteorder)
            found.append((int(local.split(":")[1], 16), ".".join(map(str, octets)), int(port, 16)))
    return found


def _ip(*words: str, text: str = "") -> str:
    return _run(["ip", *words], text)


def _run(words: list[str], text: str = "") -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
    return done.stdout
