"""What can be set: for each primary, for the whole Sentinel, and the periods of the protocol.

Defaults are Redis 7's. All times are in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tunables:
    """The periods and limits of the protocol; SENTINEL DEBUG shows and sets them."""

    info_period: int = 10_000
    ping_period: int = 1_000
    ask_period: int = 1_000
    """How often the other Sentinels are asked about a primary that is down for us."""
    publish_period: int = 2_000
    default_down_after: int = 30_000
    default_failover_timeout: int = 180_000
    tilt_trigger: int = 2_000
    tilt_period: int = 30_000
    slave_reconf_timeout: int = 10_000
    min_link_reconnect_period: int = 15_000
    election_timeout: int = 10_000
    script_max_runtime: int = 60_000
    script_retry_delay: int = 30_000
    coordinated_timeout: int = 5_000
    """How long a primary may hold its writes for a replica to catch up in a coordinated failover."""


@dataclass(slots=True)
class Monitor:
    """The settings of one monitored primary, as the configuration file gives them."""

    name: str
    host: str
    port: int
    quorum: int
    down_after_ms: int
    failover_timeout_ms: int
    parallel_syncs: int = 1
    auth_user: str = ""
    auth_pass: str = ""
    notification_script: str = ""
    client_reconfig_script: str = ""
    reboot_down_after_ms: int = 0
    """`master-reboot-down-after-period`: a restarted primary counts as down for so long; 0 for never."""
    renamed: dict[str, str] = field(default_factory=dict)
    """`rename-command`: the command's own name, upper case -> what this primary's nodes call it."""
    config_epoch: int = 0
    leader_epoch: int = 0
    known_replicas: list[tuple[str, int]] = field(default_factory=list)
    known_sentinels: list[tuple[str, int, str]] = field(default_factory=list)
    """Host, port, run id (40 hexadecimal digits)."""


@dataclass(slots=True)
class SentinelSettings:
    """What the configuration file says as a whole."""

    port: int = 26379
    bind: tuple[str, ...] = ()
    """Listening addresses; outgoing connections come from the first one, unless it is a wildcard."""
    my_id: str = ""
    """40 hexadecimal digits; a new one is drawn and saved where it is empty."""
    current_epoch: int = 0
    announce_ip: str = ""
    announce_port: int = 0
    resolve_hostnames: bool = False
    announce_hostnames: bool = False
    deny_scripts_reconfig: bool = True
    sentinel_user: str = ""
    sentinel_pass: str = ""
    """How to authenticate with other Sentinels."""
    requirepass: str = ""
    """Used with other Sentinels where sentinel-pass is not set: all are thought to share it."""
    loglevel: str = "notice"
    can_run: Callable[[str], bool] = field(default=lambda path: True, compare=False)
    """Whether a path is that of a program; a Sentinel whose script is none does not start."""
    monitors: list[Monitor] = field(default_factory=list)
    tunables: Tunables = field(default_factory=Tunables)
