"""The settings of the cluster core and the bus, from the directives of a node."""

from __future__ import annotations

from garrison.node.config import Config
from garrison.node.core.settings import ClusterSettings
from garrison.node.shell.bus_sockets import Bus, BusOwner
from garrison.node.shell.links import LinkLimits

_FLAGS = (
    "cluster-allow-replica-migration",
    "cluster-replica-no-failover",
    "cluster-require-full-coverage",
    "cluster-allow-reads-when-down",
    "cluster-allow-pubsubshard-when-down",
    "cluster-serve-empty",
)
_NUMBERS = (
    "cluster-node-timeout",
    "cluster-replica-validity-factor",
    "cluster-migration-barrier",
    "cluster-announce-port",
    "cluster-announce-bus-port",
    "cluster-bus-frame-bytes-max",
    "cluster-manager-lease-ms-max",
    "cluster-manager-records-bytes-max",
    "cluster-manager-connections-max",
)
_TEXTS = (
    "cluster-announce-ip",
    "cluster-announce-hostname",
    "cluster-announce-human-nodename",
    "cluster-preferred-endpoint-type",
    "cluster-outside-endpoint",
)


def cluster_settings(config: Config) -> ClusterSettings:
    """The core's settings. Raises ValueError for a combination that it refuses."""
    fields: dict[str, object] = {name.replace("-", "_"): config.flag(name) for name in _FLAGS}
    fields |= {name.replace("-", "_"): config.integer(name) for name in _NUMBERS}
    fields |= {name.replace("-", "_"): config.text(name) for name in _TEXTS}
    return ClusterSettings(
        port=config.integer("port"),
        bus_port=config.bus_port,
        repl_ping_replica_period=config.integer("repl-ping-replica-period") * 1000,
    ).with_changes(**fields)


def link_limits(values: dict[str, str], limits: LinkLimits) -> LinkLimits:
    """Bring the limits of the links to these values."""
    limits.frame_bytes_max = int(values["cluster-bus-frame-bytes-max"])
    limits.control_queue_bytes_max = int(values["cluster-bus-control-queue-bytes-max"])
    limits.pubsub_queue_bytes_max = int(values["cluster-bus-pubsub-queue-bytes-max"])
    limits.total_queue_bytes_max = int(values["cluster-link-sendbuf-limit"])
    return limits


def bus_from(config: Config, owner: BusOwner) -> Bus:
    """The bus of a node, not yet serving."""
    return Bus(
        owner,
        link_limits(config.values, LinkLimits()),
        config.integer("cluster-bus-links-max"),
        config.integer("cluster-bus-connect-timeout-ms"),
        config.text("bind-source-addr"),
    )
