"""Settings from the lines that a core has persisted: what the shell's reader of configuration files does."""

from __future__ import annotations

from garrison.sentinel.core.settings import Monitor, SentinelSettings

_NUMBERS = {
    "down-after-milliseconds": "down_after_ms",
    "failover-timeout": "failover_timeout_ms",
    "parallel-syncs": "parallel_syncs",
    "config-epoch": "config_epoch",
    "leader-epoch": "leader_epoch",
}


def read_settings(lines: tuple[str, ...]) -> SentinelSettings:
    """The settings that a restarted Sentinel begins with."""
    settings = SentinelSettings()
    monitors: dict[str, Monitor] = {}
    for line in lines:
        _, option, *words = line.split()
        if option == "monitor":
            monitors[words[0]] = Monitor(words[0], words[1], int(words[2]), int(words[3]), 30_000, 180_000)
        elif option == "myid":
            settings.my_id = words[0]
        elif option == "current-epoch":
            settings.current_epoch = int(words[0])
        elif words and words[0] in monitors:
            _read_option(monitors[words[0]], option, words[1:])
    settings.monitors = list(monitors.values())
    return settings


def _read_option(monitor: Monitor, option: str, words: list[str]) -> None:
    if option in _NUMBERS:
        setattr(monitor, _NUMBERS[option], int(words[0]))
    elif option == "known-replica":
        monitor.known_replicas.append((words[0], int(words[1])))
    elif option == "known-sentinel":
        monitor.known_sentinels.append((words[0], int(words[1]), words[2]))
