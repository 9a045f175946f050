"""The lines `sentinel <option> ...` of a configuration: one table, from which parsing and refusals come.

BEHAVIOUR. The order of lines in a file does not matter, as in Redis: what holds for the whole Sentinel is
read first, then the monitored primaries, then what is said about each. A refusal names the place, the
line, Redis's reason and what the option takes. Where Redis reads `12x` as 12 or accepts a port of 99999,
we refuse: a typing error in the file of a Sentinel shows when it is needed most."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from garrison.base.config_text import ConfigError, Line
from garrison.base.directive_lines import unknown
from garrison.sentinel.core.instances import is_ip
from garrison.sentinel.core.settings import Monitor, SentinelSettings

EPOCH_MAX = 2**63 - 1
TIME_MS_MAX = 2**63 - 1
RUN_ID = re.compile(r"[0-9a-fA-F]{40}")


class _Reader:
    """What has been read so far, and how to read the kinds of words that occur."""

    def __init__(self, settings: SentinelSettings, folder: str) -> None:
        self.settings = settings
        self.folder = folder
        self.monitors: dict[str, Monitor] = {}

    def monitor(self, name: str) -> Monitor:
        found = self.monitors.get(name)
        if found is None:
            raise ValueError("No such master with specified name.")
        return found

    def host(self, word: str) -> str:
        """An address, or a name where names may be resolved."""
        if is_ip(word) or (self.settings.resolve_hostnames and word):
            return word
        raise ValueError(
            "Can't resolve instance hostname. "
            "(It is not an IP address; 'sentinel resolve-hostnames yes' permits names)"
        )

    def script(self, path: str) -> str:
        """A program that we may run, as the configuration names it; empty for none."""
        full = os.path.join(self.folder, path)
        if path and not can_run(full):
            raise ValueError(f"script seems non existing or non executable: {full}")
        return path


def can_run(path: str) -> bool:
    """Whether there is a program that we may run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _integer(word: str, low: int, high: int, refusal: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,20}", word) or not low <= int(word) <= high:
        raise ValueError(f"{refusal} ('{word}' is not an integer from {low} to {high})")
    return int(word)


def _time_ms(word: str) -> int:
    return _integer(word, 1, TIME_MS_MAX, "negative or zero time parameter.")


def _port(word: str, low: int = 1) -> int:
    return _integer(word, low, 65535, "Invalid port number.")


def _epoch(word: str) -> int:
    return _integer(word, 0, EPOCH_MAX, "Invalid epoch.")


def _yes_no(word: str) -> bool:
    if word.lower() not in ("yes", "no"):
        raise ValueError("Please specify yes or no.")
    return word.lower() == "yes"


def _run_id(word: str, refusal: str) -> str:
    if not RUN_ID.fullmatch(word):
        raise ValueError(refusal)
    return word


# -- the whole Sentinel ------------------------------------------------------------------------------------


def _myid(reader: _Reader, words: list[str]) -> None:
    reader.settings.my_id = _run_id(words[0], "Malformed Sentinel id in myid option.")


def _current_epoch(reader: _Reader, words: list[str]) -> None:
    reader.settings.current_epoch = max(reader.settings.current_epoch, _epoch(words[0]))


def _announce_ip(reader: _Reader, words: list[str]) -> None:
    reader.settings.announce_ip = words[0]


def _announce_port(reader: _Reader, words: list[str]) -> None:
    reader.settings.announce_port = _port(words[0], 0)


def _resolve_hostnames(reader: _Reader, words: list[str]) -> None:
    reader.settings.resolve_hostnames = _yes_no(words[0])


def _announce_hostnames(reader: _Reader, words: list[str]) -> None:
    reader.settings.announce_hostnames = _yes_no(words[0])


def _deny_scripts(reader: _Reader, words: list[str]) -> None:
    reader.settings.deny_scripts_reconfig = _yes_no(words[0])


def _sentinel_user(reader: _Reader, words: list[str]) -> None:
    reader.settings.sentinel_user = words[0]


def _sentinel_pass(reader: _Reader, words: list[str]) -> None:
    reader.settings.sentinel_pass = words[0]


# -- a monitored primary -----------------------------------------------------------------------------------


def _monitor(reader: _Reader, words: list[str]) -> None:
    name, host, port, quorum = words
    if not name or any(character in name for character in "\r\n\0"):
        raise ValueError("A name of a primary is one word without line ends.")
    if name in reader.monitors:
        raise ValueError("Duplicate master name.")
    tunables = reader.settings.tunables
    reader.monitors[name] = Monitor(
        name,
        reader.host(host),
        _port(port),
        _integer(quorum, 1, 2**31 - 1, "Quorum must be 1 or greater."),
        tunables.default_down_after,
        tunables.default_failover_timeout,
    )


def _down_after(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).down_after_ms = _time_ms(words[1])


def _failover_timeout(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).failover_timeout_ms = _time_ms(words[1])


def _parallel_syncs(reader: _Reader, words: list[str]) -> None:
    monitor = reader.monitor(words[0])
    monitor.parallel_syncs = _integer(words[1], 1, 2**31 - 1, "parallel-syncs must be 1 or greater.")


def _notification_script(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).notification_script = reader.script(words[1])


def _client_reconfig_script(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).client_reconfig_script = reader.script(words[1])


def _auth_pass(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).auth_pass = words[1]


def _auth_user(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).auth_user = words[1]


def _reboot_down_after(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).reboot_down_after_ms = _integer(
        words[1], 0, TIME_MS_MAX, "negative time parameter."
    )


def _rename_command(reader: _Reader, words: list[str]) -> None:
    renamed = reader.monitor(words[0]).renamed
    if renamed.get(words[1].upper(), words[2]) != words[2]:
        raise ValueError("Same command renamed multiple times with rename-command.")
    renamed[words[1].upper()] = words[2]


def _config_epoch(reader: _Reader, words: list[str]) -> None:
    monitor = reader.monitor(words[0])
    monitor.config_epoch = _epoch(words[1])
    # The epoch of the whole is never behind that of a configuration, or our next one would not win.
    reader.settings.current_epoch = max(reader.settings.current_epoch, monitor.config_epoch)


def _leader_epoch(reader: _Reader, words: list[str]) -> None:
    reader.monitor(words[0]).leader_epoch = _epoch(words[1])


def _known_replica(reader: _Reader, words: list[str]) -> None:
    known = reader.monitor(words[0]).known_replicas
    address = (reader.host(words[1]), _port(words[2]))
    if address in known:
        raise ValueError("Duplicate hostname and port for replica.")
    known.append(address)


def _known_sentinel(reader: _Reader, words: list[str]) -> None:
    known = reader.monitor(words[0]).known_sentinels
    host, port = reader.host(words[1]), _port(words[2], 0)
    if len(words) == 3:
        return  # of a very old Sentinel, which knew no ids: its hello will tell
    run_id = _run_id(words[3], "Malformed Sentinel id.")
    if run_id == reader.settings.my_id:
        raise ValueError("Another Sentinel cannot have our own myid.")
    if any(run_id == other for _, _, other in known):
        raise ValueError("Duplicate runid for sentinel.")
    known.append((host, port, run_id))


# -- the table ---------------------------------------------------------------------------------------------

Take = Callable[[_Reader, list[str]], None]


class Option(NamedTuple):
    """One option of `sentinel`; `words` counts what follows its name: at least, at most."""

    name: str
    words: tuple[int, int]
    take: Take
    usage: str
    secret: bool = False


WHOLE, MONITOR, ABOUT = range(3)

_GROUPS: tuple[tuple[Option, ...], ...] = (
    (
        Option("myid", (1, 1), _myid, "40 hexadecimal digits"),
        Option("current-epoch", (1, 1), _current_epoch, "an epoch"),
        Option("announce-ip", (1, 1), _announce_ip, "an address or, with announce-hostnames, a name"),
        Option("announce-port", (1, 1), _announce_port, "a port, or 0 for that of the listener"),
        Option("resolve-hostnames", (1, 1), _resolve_hostnames, "yes or no"),
        Option("announce-hostnames", (1, 1), _announce_hostnames, "yes or no"),
        Option("deny-scripts-reconfig", (1, 1), _deny_scripts, "yes or no"),
        Option("sentinel-user", (1, 1), _sentinel_user, "a user name"),
        Option("sentinel-pass", (1, 1), _sentinel_pass, "a password", secret=True),
    ),
    (Option("monitor", (4, 4), _monitor, "<name> <host> <port> <quorum>"),),
    (
        Option("down-after-milliseconds", (2, 2), _down_after, "<name> <milliseconds>"),
        Option("failover-timeout", (2, 2), _failover_timeout, "<name> <milliseconds>"),
        Option("parallel-syncs", (2, 2), _parallel_syncs, "<name> <replicas>"),
        Option("notification-script", (2, 2), _notification_script, "<name> <path>"),
        Option("client-reconfig-script", (2, 2), _client_reconfig_script, "<name> <path>"),
        Option("auth-pass", (2, 2), _auth_pass, "<name> <password>, in quotes if it has blanks", secret=True),
        Option("auth-user", (2, 2), _auth_user, "<name> <user>"),
        Option("master-reboot-down-after-period", (2, 2), _reboot_down_after, "<name> <milliseconds>"),
        Option("rename-command", (3, 3), _rename_command, "<name> <command> <renamed>"),
        Option("config-epoch", (2, 2), _config_epoch, "<name> <epoch>"),
        Option("leader-epoch", (2, 2), _leader_epoch, "<name> <epoch>"),
        Option("known-replica", (3, 3), _known_replica, "<name> <host> <port>"),
        Option("known-sentinel", (3, 4), _known_sentinel, "<name> <host> <port> <id>"),
    ),
)

ALIASES = {
    "known-slave": "known-replica",
    "primary-reboot-down-after-period": "master-reboot-down-after-period",
}

OPTIONS: dict[str, tuple[int, Option]] = {
    option.name: (phase, option) for phase, group in enumerate(_GROUPS) for option in group
}


def option_name(word: str) -> str:
    """The proper name of an option, whatever its case or spelling."""
    lower = word.lower()
    return ALIASES.get(lower, lower)


def read_lines(lines: Iterable[Line], settings: SentinelSettings, folder: str) -> None:
    """Fill `settings` from lines whose first word is `sentinel`; scripts are looked for in `folder`.

    Raises ConfigError.
    """
    reader = _Reader(settings, folder)
    phases: tuple[list[tuple[Option, Line]], ...] = ([], [], [])
    for line in lines:
        if len(line.words) == 1:
            continue  # a lone `sentinel` is redis-server's switch
        known = OPTIONS.get(option_name(line.words[1]))
        if known is None:
            why = unknown(line.words[1], OPTIONS, "option of sentinel")
            raise ConfigError(f"{line.place}: Unrecognized sentinel configuration statement: {why}")
        phases[known[0]].append((known[1], line))
    for option, line in (pair for phase in phases for pair in phase):
        _take(reader, option, line)
    settings.monitors = list(reader.monitors.values())


def _take(reader: _Reader, option: Option, line: Line) -> None:
    words = line.words[2:]
    try:
        least, most = option.words
        if not least <= len(words) <= most:
            raise ValueError("Wrong number of arguments.")
        option.take(reader, words)
    except ValueError as error:
        # A password is the last word of those that there should be.
        shown = " ".join(line.words[: 1 + option.words[1]] if option.secret else line.words)
        raise ConfigError(
            f"{line.place}: '{shown}': {error}; sentinel {option.name} takes {option.usage}"
        ) from None
