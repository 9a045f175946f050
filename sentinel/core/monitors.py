"""Which primaries are watched: taking them up, giving them up, and following one to another address.

After a switch the new primary's record starts afresh: the former primary and all other replicas become its
replicas, so that a former primary that comes back is known and turned into one.
"""

from __future__ import annotations

from typing import Final

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.effects import Level
from garrison.sentinel.core.instances import GONE, Address, Attempt, Life, Link, Primary, Replica
from garrison.sentinel.core.links import Links, attach, new_link
from garrison.sentinel.core.settings import Monitor

REPLICAS_PER_PRIMARY_MAX: Final = 1_000
"""Replicas that are remembered for one primary; SENTINEL RESET forgets those that are gone."""
START_SPREAD_MS: Final = 1_000
"""Polling of many primaries begins spread over this time."""


class Monitors:
    """The table of primaries."""

    def __init__(self, context: Context, links: Links) -> None:
        self._context = context
        self._links = links

    def add(self, monitor: Monitor) -> Primary:
        """Watch a primary. Its name must be new."""
        context = self._context
        assert monitor.name not in context.primaries
        link = new_link(context)
        primary = Primary(Address(monitor.host, monitor.port), link, monitor=monitor)
        attach(primary)
        primary.role_reported, primary.role_reported_ms = "master", context.now_ms
        primary.config_epoch, primary.vote_epoch = monitor.config_epoch, monitor.leader_epoch
        context.primaries[monitor.name] = primary
        context.index_address(primary)
        self._spread(primary)
        for host, port in monitor.known_replicas:
            self.add_replica(primary, Address(host, port), announce=False)
        context.event("+monitor", primary, f"quorum {monitor.quorum}")
        return primary

    def _spread(self, primary: Primary) -> None:
        """Neither 1,000 primaries at one moment, nor all Sentinels in step."""
        crowd = min(START_SPREAD_MS, len(self._context.primaries))
        self._context.look_at(primary, self._context.now_ms + self._context.rng.randrange(max(1, crowd)))

    def remove(self, primary: Primary) -> None:
        """Watch it no longer."""
        self._context.event("-monitor", primary)
        for member in list(primary.members()):
            self._links.close_all(member)
            member.due_ms = GONE
        del self._context.primaries[primary.name]
        self._context.index_address(primary, primary.address)
        self._context.save()

    def add_replica(self, primary: Primary, address: Address, announce: bool = True) -> Replica | None:
        """A replica that was not known; None if there are too many."""
        context = self._context
        if len(primary.replicas) >= REPLICAS_PER_PRIMARY_MAX:
            text = f"{primary.name} has {REPLICAS_PER_PRIMARY_MAX} replicas: {address} is not watched"
            context.say(Level.WARNING, f"{text}; SENTINEL RESET {primary.name} forgets those that are gone")
            return None
        replica = Replica(address, new_link(context), primary=primary)
        attach(replica)
        replica.role_reported, replica.role_reported_ms = "slave", context.now_ms
        replica.follows_since_ms = context.now_ms
        primary.replicas[address] = replica
        if announce:
            context.event("+slave", replica, level=Level.NOTICE)
            context.save()
        context.look_now(replica)
        return replica

    def drop_replica(self, replica: Replica, why: str) -> None:
        """Watch it no longer."""
        self._context.say(Level.NOTICE, f"{self._context.describe(replica)} is not watched: {why}")
        self._links.close_all(replica)
        replica.due_ms = GONE
        replica.primary.replicas.pop(replica.address, None)
        self._context.save()

    def switch(self, primary: Primary, address: Address) -> None:
        """The primary is at another address now: announce it, and start afresh there."""
        context = self._context
        old = primary.address
        names = f"{primary.name} {context.shown(old)} {old.port} {context.shown(address)} {address.port}"
        replicas = [each for each in primary.replicas if not context.same(each, address)]
        if not context.same(old, address):
            replicas.append(old)
        self._forget(primary, keep_peers=True)
        self._links.moved(primary, address)
        context.index_address(primary, old)
        context.event("+switch-master", None, names, unnamed=primary)
        for each in replicas:
            self.add_replica(primary, each)
        context.save()

    def reset(self, primary: Primary) -> None:
        """SENTINEL RESET: forget replicas, other Sentinels and what is going on, and learn it anew.

        A configuration that has its epoch already is kept: the others may know of it.
        """
        if primary.current_address() != primary.address:
            self.switch(primary, primary.current_address())
        self._forget(primary, keep_peers=False)
        self._links.moved(primary, primary.address)
        self._context.event("+reset-master", primary)
        self._context.save()

    def _forget(self, primary: Primary, *, keep_peers: bool) -> None:
        members: list[Replica] = list(primary.replicas.values())
        for replica in members:
            self._links.close_all(replica)
            replica.due_ms = GONE
        primary.replicas.clear()
        for peer in list(primary.peers.values()):
            peer.holds_down = False
            if not keep_peers:
                self._links.close_all(peer)
                peer.due_ms = GONE
        if not keep_peers:
            primary.peers.clear()
        attempt = primary.attempt
        primary.attempt = Attempt(epoch=attempt.epoch, ended=attempt.ended)
        primary.down_since_ms = primary.odown_since_ms = 0
        primary.down_reason = ""
        primary.reboot_ms = primary.replied_before_ms = 0
        primary.life, primary.history = Life(), ""
        primary.run_id, primary.info_ms, primary.info_text = "", 0, b""
        primary.role_reported, primary.role_reported_ms = "master", self._context.now_ms
        self._renew(primary.link)

    def _renew(self, link: Link) -> None:
        """What the link has measured is of the former server."""
        fresh = new_link(self._context)
        link.available_awake_ms, link.unanswered_awake_ms = fresh.available_awake_ms, -1
        link.replied_ms, link.received_ms = fresh.replied_ms, fresh.received_ms
        link.round_trip_ms = link.round_trip_spread_ms = 0.0
