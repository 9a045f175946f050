"""Keep connections to the servers that are watched, and lead each reply to whom it is for.

A data node has two: one for commands, one that listens to its hello channel. Another Sentinel has one,
shared by all primaries that both watch. A connection that fails is tried again after RECONNECT_PERIOD_MS;
one that is established but silent is replaced, since TCP may take minutes to notice a host that is gone.
"""

from __future__ import annotations

from typing import Final

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.effects import Level, ReplyError
from garrison.sentinel.core.instances import (
    NEVER_MS,
    UNKNOWN,
    Address,
    Connection,
    DataNode,
    Instance,
    Link,
    Peer,
    Primary,
    primary_of,
)

HELLO_CHANNEL: Final = b"__sentinel__:hello"
RECONNECT_PERIOD_MS: Final = 1_000
"""At most this often is a connection tried again, and sooner with a short down-after-milliseconds."""


class Links:
    """Opens, authenticates, watches and closes connections."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def upkeep(self, instance: Instance) -> None:
        """Connect what is not connected."""
        link = instance.link
        if self._context.settings.resolve_hostnames and not self._context.ip(instance.address.host):
            return
        if instance.address.port == 0:
            return
        wanted = [link.command]
        if isinstance(instance, DataNode):
            wanted.append(link.listening)
        for connection in wanted:
            if not connection.id and self._context.now_ms - connection.tried_ms >= self._patience(instance):
                self._context.connect(connection, link, instance.address)

    def _patience(self, instance: Instance) -> int:
        return min(RECONNECT_PERIOD_MS, max(100, primary_of(instance).monitor.down_after_ms // 4))

    def up(self, link_id: int, local_ip: str) -> None:
        """A connection is established."""
        found = self._context.connection(link_id)
        if found is None:
            return
        connection, link = found
        instance = link.users[0]
        connection.up, connection.since_ms = True, self._context.now_ms
        link.local_ip = local_ip
        if link.listening.up or not isinstance(instance, DataNode):
            link.received_ms = self._context.now_ms
        self._authenticate(connection, instance)
        kind = b"pubsub" if connection.subscribed else b"cmd"
        title = b"sentinel-%b-%b" % (self._context.my_id[:8].encode(), kind)
        self._context.send(connection, instance, (b"CLIENT", b"SETNAME", title), promises=False)
        if connection.subscribed:
            link.received_ms = self._context.now_ms
            self._context.send(connection, instance, (b"SUBSCRIBE", HELLO_CHANNEL), promises=False)
        elif isinstance(instance, Peer):
            self._context.send(connection, instance, (b"SENTINEL", b"MYID"), self._identified, promises=False)
        elif isinstance(instance, DataNode):
            # The process behind it may be a new one.
            instance.info_asked_ms = NEVER_MS
            if isinstance(instance, Primary):
                instance.replied_before_ms = link.replied_ms
        link.pinged_ms = min(link.pinged_ms, self._context.now_ms - 60_000)
        for user in link.users:
            self._context.look_now(user)

    def _authenticate(self, connection: Connection, instance: Instance) -> None:
        settings = self._context.settings
        if isinstance(instance, Peer):
            user, password = settings.sentinel_user, settings.sentinel_pass
            if not password:
                user, password = "", settings.requirepass
        else:
            monitor = primary_of(instance).monitor
            user, password = monitor.auth_user, monitor.auth_pass
        if password:
            words = (user, password) if user else (password,)
            command = (b"AUTH", *(word.encode("utf-8", "surrogateescape") for word in words))
            self._context.send(connection, instance, command, self._authenticated, promises=False)

    def _authenticated(self, instance: Instance, reply: object) -> None:
        if isinstance(reply, ReplyError):
            text = f"{self._context.describe(instance)}: authentication failed: {reply}"
            self._context.say(Level.WARNING, f"{text}; check auth-pass and auth-user (or sentinel-pass)")

    def _identified(self, instance: Instance, reply: object) -> None:
        """Who answers at a Sentinel's address. It may be another one now, even ourselves.

        Addresses of containers are given anew. Votes of whoever is there would count as those of the one that
        we mean, and our own twice. This reply comes before that of any question on this connection.
        """
        if not isinstance(reply, bytes) or reply.decode("ascii", "replace") == instance.run_id:
            return
        for user in list(instance.link.users):
            if isinstance(user, Peer):
                self.retire(user)

    def retire(self, peer: Peer) -> None:
        """A Sentinel is reached at its address no longer, until it says where it is."""
        self._context.event("+sentinel-invalid-addr", peer)
        former = peer.address
        self.readdress(peer, Address(former.host, 0))
        peer.retired_from = former
        self._context.save()

    def readdress(self, peer: Peer, address: Address) -> None:
        """A Sentinel has another address. What was answered at the former one may be of somebody else."""
        self.close_all(peer)
        peer.address, peer.link = address, self.peer_link(peer.run_id, address)
        peer.retired_from = UNKNOWN
        attach(peer)
        peer.vote, peer.vote_epoch, peer.holds_down = "", 0, False

    def down(self, link_id: int) -> None:
        """A connection has failed or was closed by the other side."""
        found = self._context.connection(link_id)
        if found is None:
            return
        connection, link = found
        was_up = connection.up
        self._context.forget_connection(connection)
        for user in list(link.users):
            if was_up:
                name = "-pubsub-link" if connection.subscribed else "-cmd-link"
                self._context.event(name, user, "#connection lost", Level.DEBUG)
            self._context.look_now(user)

    def watch(self, instance: Instance) -> None:
        """Replace connections that are established but silent."""
        context, link = self._context, instance.link
        period = context.tunables.min_link_reconnect_period
        half = primary_of(instance).monitor.down_after_ms // 2
        command = link.command
        if (
            command.up
            and context.now_ms - command.since_ms > min(period, 2 * half)
            and link.unanswered_awake_ms >= 0
            and context.awake_ms - link.unanswered_awake_ms > half
            and context.now_ms - link.replied_ms > half
        ):
            context.close(command)
        listening = link.listening
        if (
            listening.up
            and context.now_ms - listening.since_ms > period
            and context.now_ms - link.received_ms > 3 * context.tunables.publish_period
        ):
            context.close(listening)

    def close_all(self, instance: Instance) -> None:
        """The instance is no longer wanted: close what no other instance uses."""
        link = instance.link
        if instance in link.users:
            link.users.remove(instance)
        if link.users:
            self._disown(link, instance)
            return
        self._context.close(link.command)
        self._context.close(link.listening)
        for key, value in list(self._context.peer_links.items()):
            if value is link:
                del self._context.peer_links[key]

    def _disown(self, link: Link, instance: Instance) -> None:
        """Ignore the replies that are still to come to what this instance has asked."""
        waiting = link.command.waiting
        for at, (token, _, asked) in enumerate(waiting):
            if asked is instance:
                waiting[at] = (token, None, asked)

    def moved(self, instance: Instance, address: Address) -> None:
        """The instance listens elsewhere now: what is connected leads to the wrong place."""
        instance.address = address
        for connection in (instance.link.command, instance.link.listening):
            self._context.close(connection)
            connection.tried_ms = self._context.now_ms - RECONNECT_PERIOD_MS
        self._context.look_now(instance)

    def peer_link(self, run_id: str, address: Address) -> Link:
        """The link to another Sentinel, which all primaries share that both watch."""
        key = (run_id, address)
        if key not in self._context.peer_links:
            self._context.peer_links[key] = new_link(self._context)
        return self._context.peer_links[key]

    def answered(self, link_id: int, token: int, reply: object) -> None:
        """Lead a reply to whom it is for. Unknown links and tokens are those of connections given up."""
        found = self._context.connection(link_id)
        if found is None:
            return
        waiting = found[0].waiting
        while waiting:
            expected, answer, asked = waiting.popleft()
            if expected == token:
                if answer is not None:
                    answer(asked, reply)
                return


def new_link(context: Context) -> Link:
    """A link without connections, to a server that counts as available until it has had time to answer."""
    return Link(available_awake_ms=context.awake_ms, replied_ms=context.now_ms, received_ms=context.now_ms)


def attach(instance: Instance) -> None:
    """Make the instance a user of its link."""
    instance.link.users.append(instance)
