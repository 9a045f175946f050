"""The hello: how Sentinels of one primary find each other and agree on the newest configuration.

The text is `ip,port,run id,current epoch,name,primary's ip,primary's port,configuration epoch`, published
every two seconds on `__sentinel__:hello` of every server that is watched.

INVARIANT. A configuration replaces another only if its epoch is higher. One failover at most has an
epoch, since its leader was elected in it; so all Sentinels that hear each other end at the same address.
Two administrators who forced failovers without a majority may have made two of one epoch: there the
smaller address wins, everywhere.

A COPIED CONFIGURATION gives two Sentinels one id, and one voice where there should be two. Each receives
hellos with its own id from an address that it never called its own; the one with the larger address draws
a new id. A single such hello may be one of its own former life that was on its way for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.effects import Level
from garrison.sentinel.core.instances import GONE, Address, Instance, Peer, Primary, is_host
from garrison.sentinel.core.links import Links, attach
from garrison.sentinel.core.monitors import Monitors

HELLO_BYTES_MAX: Final = 1_024
PEERS_MAX: Final = 256
"""Other Sentinels of one primary; hellos of more are ignored, with a warning."""
PREDECESSOR_HELLOS_MISSED: Final = 3
"""A Sentinel whose address is another's is forgotten after so many periods without a hello."""
EPOCH_MAX: Final = 2**63 - 1
EPOCH_STEP_MAX: Final = 2**32
"""How far ahead of ours a believed epoch may be: a single false hello cannot use up all epochs."""


@dataclass(frozen=True, slots=True)
class Hello:
    """One hello. Addresses as the sender names them."""

    sender: Address
    run_id: str
    epoch: int
    name: str
    primary: Address
    config_epoch: int


def encode(hello: Hello) -> bytes:
    words = (
        hello.sender.host, hello.sender.port, hello.run_id, hello.epoch,
        hello.name, hello.primary.host, hello.primary.port, hello.config_epoch,
    )  # fmt: skip
    return ",".join(str(word) for word in words).encode("utf-8", "surrogateescape")


def decode(text: bytes) -> Hello | None:
    """The hello in a message; None if it is not one."""
    if len(text) > HELLO_BYTES_MAX:
        return None
    words = text.decode("utf-8", "surrogateescape").split(",")
    if len(words) != 8:
        return None
    numbers = [_number(words[at]) for at in (1, 3, 6, 7)]
    port, epoch, primary_port, config_epoch = numbers
    if (
        min(numbers) < 0
        or not primary_port
        or max(port, primary_port) > 65535
        or max(epoch, config_epoch) > EPOCH_MAX
    ):
        return None
    if not is_host(words[0]) or not words[4] or not is_host(words[5]) or not is_run_id(words[2]):
        return None
    primary = Address(words[5], primary_port)
    return Hello(Address(words[0], port), words[2], epoch, words[4], primary, config_epoch)


def is_run_id(text: str) -> bool:
    """Whether a text is 40 hexadecimal digits."""
    return len(text) == 40 and all(character in "0123456789abcdef" for character in text)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def ours(context: Context, primary: Primary, receiver: Instance) -> Hello:
    """The hello about ourselves and this primary for one server."""
    settings = context.settings
    host = settings.announce_ip or receiver.link.local_ip or "127.0.0.1"
    address = primary.current_address()
    sender = Address(host, settings.announce_port or settings.port)
    context.announced[sender] = context.now_ms
    return Hello(
        sender,
        context.my_id,
        context.epoch,
        primary.name,
        Address(context.shown(address), address.port),
        primary.config_epoch,
    )


class Hellos:
    """Takes the hellos of other Sentinels."""

    def __init__(self, context: Context, links: Links, monitors: Monitors) -> None:
        self._context = context
        self._links = links
        self._monitors = monitors
        self._doubles: dict[Address, int] = {}
        """Who else uses our id, and since when we know; forgotten with a new id."""
        self._refused: set[str] = set()
        """Senders whose hellos were ignored and of whom that was logged."""

    def _reason_against(self, hello: Hello) -> str:
        """Why a hello is not believed; empty if it is."""
        context = self._context
        if not context.is_usable(hello.sender.host) or not context.is_usable(hello.primary.host):
            return "it has names and resolve-hostnames is no"
        if max(hello.epoch, hello.config_epoch) > context.epoch + EPOCH_STEP_MAX:
            return f"its epoch is more than {EPOCH_STEP_MAX} ahead of ours, {context.epoch}"
        return ""

    def received(self, text: bytes) -> None:
        """Receive one message of the hello channel, from any server. Our own come back too."""
        hello = decode(text)
        if hello is None:
            return
        if hello.run_id == self._context.my_id:
            self._received_own_id(hello)
            return
        primary = self._context.primaries.get(hello.name)
        if primary is None or hello.sender.port == 0:
            return
        reason_against = self._reason_against(hello)
        if reason_against:
            # Said once: the next one comes in two seconds.
            level = Level.VERBOSE if hello.run_id in self._refused else Level.NOTICE
            if len(self._refused) < PEERS_MAX:
                self._refused.add(hello.run_id)
            self._context.say(level, f"A hello is ignored, as {reason_against}: {hello}")
            return
        if hello.sender in self._context.own_addresses():
            # Ours, of when we had another id, or of whoever was at our address before us.
            return
        peer = self._peer(primary, hello)
        self._forget_predecessors(primary, hello.sender)
        # Behind a configuration's epoch we could never be elected: nobody votes in one that is past.
        epoch = max(hello.epoch, hello.config_epoch)
        if epoch > self._context.epoch:
            self._context.epoch = epoch
            self._context.event("+new-epoch", None, str(epoch), unnamed=primary)
            self._context.save()
        if peer is not None:
            peer.hello_received_ms = self._context.now_ms
            peer.names, peer.names_epoch = hello.primary, hello.config_epoch
        self._configure(primary, hello)

    def _received_own_id(self, hello: Hello) -> None:
        """It is ours, or that of another Sentinel with our id."""
        context = self._context
        own = context.own_addresses()
        if not own or hello.sender in own or hello.sender > min(own):
            return
        if len(self._doubles) >= PEERS_MAX:
            self._doubles.clear()
        first_ms = self._doubles.setdefault(hello.sender, context.now_ms)
        if context.now_ms - first_ms < context.tunables.publish_period // 2:
            return
        old_id, context.my_id = context.my_id, f"{context.rng.getrandbits(160):040x}"
        self._doubles.clear()
        for primary in context.primaries.values():
            # What we have promised stays promised, but is not said again: one voice would count as two.
            primary.vote = ""
        where = f"{hello.sender.host}:{hello.sender.port}"
        text = f"The Sentinel at {where} has our id {old_id}: we take a new one, {context.my_id}"
        context.say(Level.WARNING, f"{text}. Give each Sentinel a configuration file of its own")
        context.save()

    def _peer(self, primary: Primary, hello: Hello) -> Peer | None:
        """The sender as we know it, learned or moved if need be."""
        peer = primary.peers.get(hello.run_id)
        if peer is not None and peer.address == hello.sender:
            return peer
        if peer is None and len(primary.peers) >= PEERS_MAX:
            self._context.say(
                Level.WARNING, f"{primary.name} has {PEERS_MAX} Sentinels: {hello.run_id} is ignored"
            )
            return None
        if peer is not None:
            self._move(peer, hello.sender)
            return peer
        self._retire_address(primary, hello.sender)
        return self._add(primary, hello.run_id, hello.sender)

    def _add(self, primary: Primary, run_id: str, address: Address) -> Peer:
        """A Sentinel that was not known."""
        peer = self.remember(primary, run_id, address)
        self._context.event("+sentinel", peer, level=Level.NOTICE)
        self._context.save()
        return peer

    def remember(self, primary: Primary, run_id: str, address: Address) -> Peer:
        """A Sentinel that the configuration file names."""
        link = self._links.peer_link(run_id, address)
        peer = Peer(address, link, run_id, primary=primary)
        peer.hello_received_ms = self._context.now_ms
        attach(peer)
        primary.peers[run_id] = peer
        self._context.look_now(peer)
        return peer

    def _move(self, peer: Peer, address: Address) -> None:
        """A Sentinel that we know by its id has another address: a container that was started again."""
        self._retire_address(peer.primary, address)
        self._links.readdress(peer, address)
        peer.down_since_ms = 0
        text = f"ip {address.host} port {address.port} for {peer.run_id}"
        self._context.event("+sentinel-address-switch", peer.primary, text, Level.NOTICE)
        self._context.save()
        self._context.look_now(peer)

    def _retire_address(self, primary: Primary, address: Address) -> None:
        """Another Sentinel was known there: it is reached there no longer, until it says where it is."""
        for other in primary.peers.values():
            if other.address.port and self._context.same(other.address, address):
                self._links.retire(other)

    def _forget_predecessors(self, primary: Primary, address: Address) -> None:
        """Whoever was reached at this address before its present Sentinel, and has not been heard of since.

        A Sentinel that came back with a new id takes the place of its former self, which would count as a
        voter for ever. Two that are alive and say the same address are both heard of, and both count.
        """
        context = self._context
        for other in list(primary.peers.values()):
            silence_ms = context.now_ms - other.hello_received_ms
            if (
                other.retired_from == address
                and silence_ms > PREDECESSOR_HELLOS_MISSED * context.tunables.publish_period
            ):
                self._links.close_all(other)
                other.due_ms = GONE
                del primary.peers[other.run_id]
                context.event("-dup-sentinel", other, level=Level.NOTICE)
                context.save()

    def _configure(self, primary: Primary, hello: Hello) -> None:
        """Take a newer configuration over."""
        context = self._context
        if hello.config_epoch < primary.config_epoch:
            return
        current = primary.current_address()
        is_same = context.same(current, hello.primary)
        if hello.config_epoch == primary.config_epoch:
            if is_same or not hello.config_epoch or primary.failing_over or hello.primary >= current:
                return
            if not context.ip(current.host) or not context.ip(hello.primary.host):
                return  # Two names may be of one server; hellos are repeated.
            context.event(
                "+config-conflict", primary, f"epoch {hello.config_epoch} also names {hello.primary}"
            )
        primary.config_epoch = hello.config_epoch
        context.save()
        if is_same:
            return
        sender = f"sentinel {hello.run_id} {hello.sender.host} {hello.sender.port} @ {primary.name}"
        address = f"{context.shown(primary.address)} {primary.address.port}"
        context.event("+config-update-from", None, f"{sender} {address}", unnamed=primary)
        old = primary.address
        context.reconfigured(primary, "observer", "start", old, hello.primary)
        self._monitors.switch(primary, hello.primary)
