"""What SENTINEL SET and SENTINEL CONFIG SET may change, as tables: name, check, effect.

A command with several options is taken whole or not at all: all are checked before the first is set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from garrison.sentinel.core.settings import Monitor, SentinelSettings

LOG_LEVELS: Final = ("debug", "verbose", "notice", "warning", "nothing")
NUMBER_MAX: Final = 2**31 - 1


class Option(NamedTuple):
    """One option of a primary."""

    words: int
    """How many words its value has."""
    refuses: Callable[[tuple[str, ...]], bool]
    apply: Callable[[Monitor, tuple[str, ...]], None]
    script: str = ""
    """What its program is called in errors; empty for an option that names none."""


def number(text: str) -> int:
    """A whole number from 0 on; -1 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1


def _positive(field: str) -> Option:
    return Option(
        1,
        lambda words: not 1 <= number(words[0]) <= NUMBER_MAX,
        lambda monitor, words: setattr(monitor, field, int(words[0])),
    )


def _from_zero(field: str) -> Option:
    return Option(
        1,
        lambda words: not 0 <= number(words[0]) <= NUMBER_MAX,
        lambda monitor, words: setattr(monitor, field, int(words[0])),
    )


def _text(field: str, *, script: str = "") -> Option:
    return Option(1, lambda words: False, lambda monitor, words: setattr(monitor, field, words[0]), script)


def _rename(monitor: Monitor, words: tuple[str, ...]) -> None:
    command, called = words
    if command.upper() == called.upper() or not called:
        monitor.renamed.pop(command.upper(), None)
    else:
        monitor.renamed[command.upper()] = called


PRIMARY_OPTIONS: Final[dict[str, Option]] = {
    "down-after-milliseconds": _positive("down_after_ms"),
    "failover-timeout": _positive("failover_timeout_ms"),
    "parallel-syncs": _positive("parallel_syncs"),
    "notification-script": _text("notification_script", script="Notification"),
    "client-reconfig-script": _text("client_reconfig_script", script="Client reconfiguration"),
    "auth-pass": _text("auth_pass"),
    "auth-user": _text("auth_user"),
    "quorum": _positive("quorum"),
    "rename-command": Option(2, lambda words: not words[0] or not words[1], _rename),
    "master-reboot-down-after-period": _from_zero("reboot_down_after_ms"),
    "primary-reboot-down-after-period": _from_zero("reboot_down_after_ms"),
}


class Setting(NamedTuple):
    """One setting of the whole Sentinel: how it is read, whether a text is refused, how it is set."""

    read: Callable[[SentinelSettings], str]
    refuses: Callable[[str], bool]
    apply: Callable[[SentinelSettings, str], None]


def _flag(field: str) -> Setting:
    return Setting(
        lambda settings: "yes" if getattr(settings, field) else "no",
        lambda text: text.lower() not in ("yes", "no"),
        lambda settings, text: setattr(settings, field, text.lower() == "yes"),
    )


def _word(field: str) -> Setting:
    return Setting(
        lambda settings: str(getattr(settings, field)),
        lambda text: False,
        lambda settings, text: setattr(settings, field, text),
    )


SETTINGS: Final[dict[str, Setting]] = {
    "resolve-hostnames": _flag("resolve_hostnames"),
    "announce-hostnames": _flag("announce_hostnames"),
    "announce-ip": _word("announce_ip"),
    "announce-port": Setting(
        lambda settings: str(settings.announce_port),
        lambda text: not 0 <= number(text) <= 65535,
        lambda settings, text: setattr(settings, "announce_port", int(text)),
    ),
    "sentinel-user": _word("sentinel_user"),
    "sentinel-pass": _word("sentinel_pass"),
    "loglevel": Setting(
        lambda settings: settings.loglevel,
        lambda text: text.lower() not in LOG_LEVELS,
        lambda settings, text: setattr(settings, "loglevel", text.lower()),
    ),
}
