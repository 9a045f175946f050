"""The commands that clients and other Sentinels send: SENTINEL ..., ROLE, and PUBLISH of a hello.

Replies are values for `garrison.base.reply.encode`; errors have Redis's texts, since tools look for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from garrison.base import glob
from garrison.base.reply import OK, Error, NullArray, Simple
from garrison.sentinel.core import describe, explain, selection
from garrison.sentinel.core.context import Context
from garrison.sentinel.core.down import Down
from garrison.sentinel.core.effects import Level
from garrison.sentinel.core.failover import Failovers
from garrison.sentinel.core.hello import EPOCH_MAX, Hellos, is_run_id
from garrison.sentinel.core.instances import DataNode, Instance, Peer, Primary
from garrison.sentinel.core.links import HELLO_CHANNEL, Links
from garrison.sentinel.core.monitors import Monitors
from garrison.sentinel.core.options import LOG_LEVELS, NUMBER_MAX, PRIMARY_OPTIONS, SETTINGS, number
from garrison.sentinel.core.settings import Monitor
from garrison.sentinel.core.subcommand_table import BY_NAME, help_lines
from garrison.sentinel.core.votes import Votes

PRIMARIES_MAX = 10_000
"""Primaries that one Sentinel watches; SENTINEL MONITOR of more is refused."""
NO_SUCH_PRIMARY = Error("ERR No such master with that name")
SCRIPTS_DENIED = Error(
    "ERR Reconfiguration of scripts path is denied for security reasons. Check the deny-scripts-reconfig "
    "configuration directive in your Sentinel configuration"
)
WHILE_UNSAVED = frozenset({"ckquorum", "help", "myid", "status"})
"""Commands that are answered while the state cannot be saved: they promise nothing."""
SIMULATED = ("crash-after-election", "crash-after-promotion")


def unsaved(reason: str) -> Error:
    """The reply to a command that comes while nothing can be saved.

    As with Redis, the first that finds the disk full is done in memory, and saved when there is room.
    """
    return Error(f"MISCONF This Sentinel cannot save its configuration: {reason}. Ask another one")


class RefusalError(Exception):
    """A command that cannot be done; the reply is the error in it."""

    def __init__(self, error: Error | str) -> None:
        super().__init__(error)
        self.error = error if isinstance(error, Error) else Error(error)


class Commands:
    """Answers commands. Each method takes the words after SENTINEL and its name."""

    def __init__(
        self,
        context: Context,
        links: Links,
        monitors: Monitors,
        hellos: Hellos,
        votes: Votes,
        down: Down,
        failovers: Failovers,
    ) -> None:
        self._context = context
        self._links = links
        self._monitors = monitors
        self._hellos = hellos
        self._votes = votes
        self._down = down
        self._failovers = failovers

    def answer(self, argv: Sequence[bytes]) -> object:
        """The reply to one command; `argv[0]` is its name in any case."""
        words = [word.decode("utf-8", "surrogateescape") for word in argv]
        name = words[0].upper()
        if name == "ROLE":
            return ["sentinel", list(self._context.primaries)]
        if name == "PUBLISH":
            return self._publish(argv)
        try:
            return self._sentinel(words)
        except RefusalError as refusal:
            return refusal.error

    def _publish(self, argv: Sequence[bytes]) -> object:
        if len(argv) != 3 or argv[1] != HELLO_CHANNEL:
            return Error("ERR Only HELLO messages are accepted by Sentinel instances.")
        self._hellos.received(argv[2])
        return 1

    def _sentinel(self, words: list[str]) -> object:
        row = BY_NAME.get(words[1].lower()) if len(words) > 1 else None
        if len(words) < 2:
            raise RefusalError("ERR wrong number of arguments for 'sentinel' command")
        if row is None:
            raise RefusalError(f"ERR unknown subcommand '{words[1][:128]}'. Try SENTINEL HELP.")
        if len(words) != row.arity if row.arity > 0 else len(words) < -row.arity:
            raise RefusalError(f"ERR wrong number of arguments for 'sentinel|{row.name}' command")
        if self._context.is_unsaved and row.name not in WHILE_UNSAVED:
            raise RefusalError(unsaved(self._context.unsaved_reason))
        return getattr(self, row.method)(words[2:])

    def _named(self, name: str) -> Primary:
        primary = self._context.primaries.get(name)
        if primary is None:
            raise RefusalError(NO_SUCH_PRIMARY)
        return primary

    # What is known.

    def help(self, words: list[str]) -> object:
        return help_lines()

    def myid(self, words: list[str]) -> object:
        return self._context.my_id

    def pending_scripts(self, words: list[str]) -> object:
        raise RefusalError("ERR the shell answers SENTINEL PENDING-SCRIPTS")

    def address(self, words: list[str]) -> object:
        primary = self._context.primaries.get(words[0])
        if primary is None:
            return NullArray
        address = primary.current_address()
        return [self._context.shown(address), str(address.port)]

    def primary(self, words: list[str]) -> object:
        return self._fields(self._named(words[0]))

    def primaries(self, words: list[str]) -> object:
        return [self._fields(primary) for primary in self._context.primaries.values()]

    def replicas(self, words: list[str]) -> object:
        replicas = self._named(words[0]).replicas.values()
        return [self._fields(replica) for replica in replicas if replica.announced]

    def sentinels(self, words: list[str]) -> object:
        return [self._fields(peer) for peer in self._named(words[0]).peers.values()]

    def _fields(self, instance: Instance) -> dict[str, str]:
        return describe.fields(self._context, instance)

    def info_cache(self, words: list[str]) -> object:
        reply: list[object] = []
        for name in words:
            primary = self._context.primaries.get(name)
            if primary is not None:
                nodes: list[DataNode] = [primary, *primary.replicas.values()]
                reply += [name, [self._cached(node) for node in nodes]]
        return reply

    def _cached(self, node: DataNode) -> list[object]:
        if not node.info_ms:
            return [0, None]
        return [self._context.now_ms - node.info_ms, node.info_text]

    def ckquorum(self, words: list[str]) -> object:
        primary = self._named(words[0])
        text = explain.quorum_text(primary)
        return Error(text) if explain.quorum_problem(primary) else Simple(text)

    def status(self, words: list[str]) -> object:
        if len(words) > 1:
            raise RefusalError("ERR wrong number of arguments for 'sentinel|status' command")
        chosen = [self._named(words[0])] if words else list(self._context.primaries.values())
        return {
            "id": self._context.my_id,
            "epoch": self._context.epoch,
            "tilt": int(self._context.in_tilt),
            "primaries": [explain.status(self._context, primary) for primary in chosen],
        }

    # What other Sentinels ask.

    def is_down(self, words: list[str]) -> object:
        host, port_text, epoch_text, candidate = words
        port, epoch = number(port_text), _epoch(epoch_text)
        if port < 0 or epoch < 0:
            raise RefusalError("ERR value is not an integer or out of range")
        primary = self._context.find_primary(host, port)
        is_down = int(self._down.answer(primary))
        if primary is None or candidate == "*":
            return [is_down, "*", 0]
        if not is_run_id(candidate):
            raise RefusalError("ERR a leader is named by its run id: 40 hexadecimal digits")
        leader, vote_epoch = self._votes.vote(primary, epoch, candidate)
        return [is_down, leader or "*", vote_epoch]

    # What administrators do.

    def failover(self, words: list[str]) -> object:
        primary = self._named(words[0])
        coordinated = [word.upper() for word in words[1:]] == ["COORDINATED"]
        if len(words) > 1 and not coordinated:
            raise RefusalError("ERR syntax error")
        if primary.failing_over:
            raise RefusalError("INPROG Failover already in progress")
        if selection.choose(self._context, primary) is None:
            raise RefusalError("NOGOODSLAVE No suitable replica to promote")
        if coordinated and (primary.is_down or not primary.link.command.up):
            raise RefusalError(
                "NOPRIMARY A coordinated failover needs a primary that can be reached; "
                "use SENTINEL FAILOVER without COORDINATED"
            )
        self._context.event("+user-failover", primary, "#coordinated" if coordinated else "", Level.NOTICE)
        self._failovers.start(primary, forced=True, coordinated=coordinated)
        self._context.look_now(primary)
        return OK

    def monitor(self, words: list[str]) -> object:
        name, host, port_text, quorum_text = words
        context = self._context
        quorum, port = number(quorum_text), number(port_text)
        if quorum < 0:
            raise RefusalError("ERR Invalid quorum")
        if port < 0:
            raise RefusalError("ERR Invalid port")
        if not context.is_usable(host):
            raise RefusalError("ERR Invalid IP address or hostname specified")
        if quorum == 0:
            raise RefusalError("ERR Quorum must be 1 or greater.")
        if not 1 <= port <= 65535:
            raise RefusalError("ERR Invalid port number.")
        if name in context.primaries:
            raise RefusalError("ERR Duplicate master name.")
        if len(context.primaries) >= PRIMARIES_MAX:
            raise RefusalError(f"ERR this Sentinel watches {PRIMARIES_MAX} primaries already, its most")
        if not name or any(not (c.isalnum() or c in "._-") for c in name):
            raise RefusalError("ERR Invalid master name: letters, digits and the three characters .-_ only")
        tunables = context.tunables
        # A promise of an earlier life under this name may have been forgotten: none is given twice.
        monitor = Monitor(
            name,
            host,
            port,
            quorum,
            tunables.default_down_after,
            tunables.default_failover_timeout,
            leader_epoch=context.epoch,
        )
        self._monitors.add(monitor)
        context.save()
        return OK

    def remove(self, words: list[str]) -> object:
        self._monitors.remove(self._named(words[0]))
        return OK

    def reset(self, words: list[str]) -> object:
        chosen = [p for p in self._context.primaries.values() if glob.matches(words[0], p.name)]
        for primary in chosen:
            self._monitors.reset(primary)
        return len(chosen)

    def flushconfig(self, words: list[str]) -> object:
        self._context.save()
        return OK

    def set(self, words: list[str]) -> object:
        primary = self._named(words[0])
        rest, changes = words[1:], []
        while rest:
            name = rest[0].lower()
            option = PRIMARY_OPTIONS.get(name)
            if option is None or len(rest) < 1 + option.words:
                raise RefusalError(f"ERR Unknown option or number of arguments for SENTINEL SET '{rest[0]}'")
            value = tuple(rest[1 : 1 + option.words])
            if option.script and self._context.settings.deny_scripts_reconfig:
                raise RefusalError(SCRIPTS_DENIED)
            if option.script and value[0] and not self._context.settings.can_run(value[0]):
                raise RefusalError(f"ERR {option.script} script seems non existing or non executable")
            if option.refuses(value):
                raise RefusalError(f"ERR Invalid argument '{value[0]}' for SENTINEL SET '{rest[0]}'")
            changes.append((name, option, value))
            rest = rest[1 + option.words :]
        for name, option, value in changes:
            option.apply(primary.monitor, value)
            shown = "******" if name.startswith("auth-pass") else " ".join(value)
            self._context.event("+set", primary, f"{name} {shown}")
            if name.startswith("auth-"):
                self._reconnect(primary)
        self._context.save()
        self._context.look_now(primary)
        return OK

    def _reconnect(self, primary: Primary) -> None:
        """Credentials have changed: connect again with the new ones."""
        for node in (primary, *primary.replicas.values()):
            self._links.moved(node, node.address)

    def config(self, words: list[str]) -> object:
        action = words[0].upper()
        if action == "GET" and len(words) >= 2:
            wanted = [name for name in SETTINGS if any(glob.matches(w, name) for w in words[1:])]
            return {name: SETTINGS[name].read(self._context.settings) for name in wanted}
        if action == "SET" and len(words) > 3 and len(words) % 2 == 0:
            raise RefusalError(f"ERR Missing argument '{words[-1]}' value")
        if action != "SET" or len(words) < 3 or len(words) % 2 == 0:
            raise RefusalError("ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.")
        changes = list(zip(words[1::2], words[2::2], strict=True))
        for name, value in changes:
            setting = SETTINGS.get(name.lower())
            if setting is None:
                raise RefusalError(f"ERR Invalid argument '{name}' to SENTINEL CONFIG SET")
            if sum(name.lower() == other.lower() for other, _ in changes) > 1:
                raise RefusalError(f"ERR Duplicate argument '{name}' to SENTINEL CONFIG SET")
            if setting.refuses(value):
                raise RefusalError(f"ERR Invalid value '{value}' to SENTINEL CONFIG SET '{name}'")
        for name, value in changes:
            SETTINGS[name.lower()].apply(self._context.settings, value)
            self._configured(name.lower(), value)
        self._context.save()
        return OK

    def _configured(self, name: str, value: str) -> None:
        if name == "loglevel":
            assert value.lower() in LOG_LEVELS
            self._context.effects.configured[name] = value.lower()
        if name in ("sentinel-user", "sentinel-pass"):
            for instance in self._context.all_instances():
                if isinstance(instance, Peer):
                    self._links.moved(instance, instance.address)

    def debug(self, words: list[str]) -> object:
        tunables = self._context.tunables
        names = {field.replace("_", "-"): field for field in type(tunables).__slots__}
        if not words:
            return {name.upper(): str(getattr(tunables, field)) for name, field in names.items()}
        changes = []
        for at in range(0, len(words), 2):
            field = names.get(words[at].lower())
            if field is None or at + 1 >= len(words):
                raise RefusalError(
                    f"ERR Unknown option or number of arguments for SENTINEL DEBUG '{words[at]}'"
                )
            if not 1 <= number(words[at + 1]) <= NUMBER_MAX:
                raise RefusalError(f"ERR Invalid argument '{words[at + 1]}' for SENTINEL DEBUG '{words[at]}'")
            changes.append((field, int(words[at + 1])))
        for field, value in changes:
            setattr(tunables, field, value)
        return OK

    def simulate_failure(self, words: list[str]) -> object:
        wanted = [word.lower() for word in words]
        if "help" in wanted:
            return list(SIMULATED)
        for name in wanted:
            if name not in SIMULATED:
                raise RefusalError("ERR Unknown failure simulation specified")
        self._context.simulated_failures = set(wanted)
        for name in wanted:
            self._context.say(
                Level.WARNING, f"Failure simulation: this Sentinel will {name.replace('-', ' ')}"
            )
        return OK


def _epoch(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    return value if value <= EPOCH_MAX else -1
