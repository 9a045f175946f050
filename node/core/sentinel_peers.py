"""The Sentinels that watch this node: what they say of themselves, and the file that outlives a restart.

BACKGROUND. A Sentinel publishes on `__sentinel__:hello` of every node that it watches, every two seconds:

    ip,port,runid,current epoch,name,ip of the primary,port of the primary,configuration epoch

A node that comes back can therefore know whom to ask whether it is still the primary, if it has kept what
their hellos said.

INVARIANTS. A run id stands for one Sentinel: with another address it has moved. An address stands for one
Sentinel: with another run id it was set up anew. A Sentinel is forgotten only while others of its group
speak, never because this node was cut off. What is known is bounded; what comes beyond the bounds is left
out and not put in the place of what is known.

BEHAVIOUR. The file ends with a checksum. A damaged one stops the start, with file, line and reason: to go
on without it would be to acknowledge writes without asking.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final, NamedTuple

CHANNEL: Final = b"__sentinel__:hello"
NAMES_MAX: Final = 16
"""Most names under which Sentinels may watch this node."""

HEAD: Final = (
    "# The Sentinels that watch this node, as their hellos say. Written by the node; see sentinel-peers.\n"
)
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_HOST: Final = re.compile(r"[A-Za-z0-9._:%-]{1,255}")
_RUN_ID: Final = re.compile(r"[0-9a-f]{40}")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")

Address = tuple[str, int]


class Hello(NamedTuple):
    """The announcement of one Sentinel."""

    host: str
    port: int
    run_id: str
    name: str
    primary: Address
    config_epoch: int


def parse_hello(message: bytes) -> Hello | None:
    """The message, or None for what no Sentinel says."""
    fields = message.decode("utf-8", "replace").split(",")
    if len(fields) != 8:
        return None
    host, port, run_id, epoch, name, primary_host, primary_port, config_epoch = fields
    numbers = (epoch, config_epoch)
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        return None
    if not (is_address(host, port) and is_address(primary_host, primary_port)):
        return None
    if not (_RUN_ID.fullmatch(run_id) and _NAME.fullmatch(name)):
        return None
    return Hello(host, int(port), run_id, name, (primary_host, int(primary_port)), int(config_epoch))


def is_address(host: str, port: str) -> bool:
    """Whether these are a host and a port."""
    return bool(_HOST.fullmatch(host) and _NUMBER.fullmatch(port)) and 0 < int(port) < 65536


def is_name(name: str) -> bool:
    """Whether Sentinels may call a primary that."""
    return bool(_NAME.fullmatch(name))


@dataclass(slots=True)
class Peer:
    """One Sentinel whose hello was received."""

    host: str
    port: int
    received_ms: int


class PeersFileError(Exception):
    """The file is damaged; the message says where."""


class Peers:
    """All known Sentinels: those that were configured, and those whose hello was received."""

    def __init__(self, count_max: int, forget_after_ms: int) -> None:
        self.count_max = count_max
        self.forget_after_ms = forget_after_ms
        self.configured: dict[str, list[Address]] = {}
        self.primaries: dict[str, Address] = {}
        self._received: dict[str, dict[str, Peer]] = {}

    def watchers(self) -> dict[str, tuple[Address, ...]]:
        """The addresses of the Sentinels, by the name under which they watch this node."""
        found = {name: dict.fromkeys(addresses) for name, addresses in self.configured.items()}
        for name, peers in self._received.items():
            found.setdefault(name, {}).update(
                dict.fromkeys((peer.host, peer.port) for peer in peers.values())
            )
        return {name: tuple(addresses) for name, addresses in found.items() if addresses}

    def hello(self, hello: Hello, now_ms: int) -> bool:
        """Take a message in; whether the Sentinels known are others than before."""
        self.primaries[hello.name] = hello.primary
        if len(self.primaries) > NAMES_MAX:
            del self.primaries[hello.name]
            return False
        peers = self._received.setdefault(hello.name, {})
        known = peers.get(hello.run_id)
        changed = known is None or (known.host, known.port) != (hello.host, hello.port)
        if known is None and len(peers) >= self.count_max:
            changed = False
        else:
            peers[hello.run_id] = Peer(hello.host, hello.port, now_ms)
        return self._drop_others(peers, hello, now_ms) or changed

    def _drop_others(self, peers: dict[str, Peer], hello: Hello, now_ms: int) -> bool:
        """Drop the Sentinel that had this address before, and those that have been silent for too long."""
        gone = [
            run_id
            for run_id, peer in peers.items()
            if run_id != hello.run_id
            and (
                (peer.host, peer.port) == (hello.host, hello.port)
                or now_ms - peer.received_ms > self.forget_after_ms
            )
        ]
        for run_id in gone:
            del peers[run_id]
        return bool(gone)

    def has_received(self) -> bool:
        """Whether any Sentinel's hello was received."""
        return any(self._received.values())

    def forget(self, name: str) -> None:
        """No Sentinel watches this node under that name any more."""
        self._received.pop(name, None)
        self.primaries.pop(name, None)

    def forget_received(self) -> None:
        """Keep only what is configured."""
        self._received.clear()
        self.primaries.clear()

    # -- the file -----------------------------------------------------------------------------------------

    def to_text(self) -> str:
        """The file's content."""
        lines = [
            f"sentinel {name} {run_id} {peer.host} {peer.port}\n"
            for name, peers in sorted(self._received.items())
            for run_id, peer in sorted(peers.items())
        ]
        text = HEAD + "".join(lines)
        return f"{text}checksum {zlib.crc32(text.encode()):08x}\n"

    def read_text(self, text: str, path: str, now_ms: int) -> None:
        """Read what `to_text` wrote, as if all hellos had been received now. Raises PeersFileError."""
        body, found, rest = text.rpartition("checksum ")
        number = text.count("\n", 0, len(body)) + 1
        if not found or not re.fullmatch(r"[0-9a-f]{8}\n?", rest):
            raise PeersFileError(f"{path}, line {number}: the last line is not a checksum: {_ADVICE}")
        if f"{zlib.crc32(body.encode('utf-8', 'surrogateescape')):08x}" != rest.strip():
            raise PeersFileError(f"{path}, line {number}: the checksum does not match: {_ADVICE}")
        for at, line in enumerate(body.splitlines(), 1):
            words = line.split()
            if not words or line.startswith("#"):
                continue
            if not _is_entry(words):
                raise PeersFileError(f"{path}, line {at}: '{line[:100]}' is not a Sentinel: {_ADVICE}")
            _, name, run_id, host, port = words
            self._received.setdefault(name, {})[run_id] = Peer(host, int(port), now_ms)


_ADVICE: Final = "restore the file, or remove it to start without asking the Sentinels that watched this node"


def _is_entry(words: list[str]) -> bool:
    return (
        len(words) == 5
        and words[0] == "sentinel"
        and is_name(words[1])
        and bool(_RUN_ID.fullmatch(words[2]))
        and is_address(words[3], words[4])
    )


def parse_configured(text: str) -> dict[str, list[Address]]:
    """Lines of `name host port [host port ...]`. Raises ValueError."""
    found: dict[str, list[Address]] = {}
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        name, pairs = words[0], words[1:]
        if not is_name(name):
            raise ValueError(f"'{name}' is not the name of a primary")
        if not pairs or len(pairs) % 2:
            raise ValueError("a name is followed by pairs of host and port")
        for host, port in zip(pairs[::2], pairs[1::2], strict=True):
            if not is_address(host, port):
                raise ValueError(f"'{host} {port}' is not a host and port")
            found.setdefault(name, []).append((host, int(port)))
    return found
