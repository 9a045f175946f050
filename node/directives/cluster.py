"""The cluster and its bus."""

from __future__ import annotations

from garrison.base.value_types import LONG_MAX, Choice, Directive, Integer, Memory, Text, Use, YesNo

C, B, N = Use.CONTROL, Use.BOTH, Use.NOTHING
YES_NO = YesNo()

ROWS = (
    Directive("cluster-enabled", YES_NO, "no", B, "Be a node of a cluster.", immutable=True),
    Directive(
        "cluster-config-file",
        Text(),
        "nodes.conf",
        C,
        "File in which the node keeps the state of the cluster.",
        immutable=True,
    ),
    Directive(
        "cluster-node-timeout",
        Integer(0, LONG_MAX),
        "15000",
        C,
        "Milliseconds of silence after which a node is taken to be down.",
    ),
    Directive(
        "cluster-port",
        Integer(0, 65535),
        "0",
        C,
        "Port of the cluster bus; 0 for port + 10000.",
        immutable=True,
    ),
    Directive("cluster-announce-ip", Text(), "", C, "Address announced to other nodes and clients."),
    Directive(
        "cluster-announce-port",
        Integer(0, 65535),
        "0",
        C,
        "Port announced to other nodes and clients; 0 for port.",
    ),
    Directive("cluster-announce-tls-port", Integer(0, 65535), "0", N, "TLS port announced to others."),
    Directive(
        "cluster-announce-bus-port",
        Integer(0, 65535),
        "0",
        C,
        "Bus port announced to other nodes; 0 for the real one.",
    ),
    Directive(
        "cluster-announce-hostname",
        Text(
            pattern="[0-9A-Za-z.-]+",
            refusal="Hostnames may only contain alphanumeric characters, hyphens or dots",
            length_max=256,
            long="Hostnames must be less than 256 characters",
        ),
        "",
        C,
        "Host name announced to clients.",
    ),
    Directive(
        "cluster-announce-human-nodename",
        Text(
            pattern=r"[^\x00-\x20!#$%&()*+:;<>?@\[\]^{|}~\x7f]+",
            refusal="Announced human node name contained invalid character",
        ),
        "",
        C,
        "Name of this node for people, announced to other nodes and shown in logs.",
    ),
    Directive(
        "cluster-preferred-endpoint-type",
        Choice("ip", "hostname", "unknown-endpoint"),
        "ip",
        C,
        "What a redirect names.",
    ),
    Directive(
        "cluster-outside-endpoint",
        Text(),
        "",
        Use.BOTH,
        "Host announced to clients from outside of the node's networks, who come through a published port; "
        "'unknown' announces ports only, empty what all others get.",
    ),
    Directive(
        "cluster-slot-stats-enabled",
        YES_NO,
        "no",
        Use.ENGINE,
        "Whether CLUSTER SLOT-STATS counts what each slot costs: processor time and traffic.",
    ),
    Directive(
        "cluster-replica-validity-factor",
        Integer(),
        "10",
        C,
        "How old the data of a replica that stands for election may be; 0 for any.",
        alias="cluster-slave-validity-factor",
    ),
    Directive(
        "cluster-replica-no-failover",
        YES_NO,
        "no",
        C,
        "Never stand for election.",
        alias="cluster-slave-no-failover",
    ),
    Directive(
        "cluster-migration-barrier",
        Integer(),
        "1",
        C,
        "Replicas that a primary keeps when one moves to an orphan.",
    ),
    Directive(
        "cluster-allow-replica-migration", YES_NO, "yes", C, "Let replicas move to primaries that have none."
    ),
    Directive("cluster-require-full-coverage", YES_NO, "yes", C, "Stop serving when a slot has no owner."),
    Directive("cluster-allow-reads-when-down", YES_NO, "no", C, "Answer reads while the cluster is down."),
    Directive(
        "cluster-allow-pubsubshard-when-down",
        YES_NO,
        "yes",
        C,
        "Serve sharded pub/sub while the cluster is down.",
    ),
    Directive(
        "cluster-link-sendbuf-limit",
        Memory(),
        "0",
        C,
        "Most bytes that wait on one bus link; 0 for the limits of Garrison alone.",
    ),
    Directive(
        "cluster-manager-lease-ms-max",
        Integer(1000, 3_600_000),
        "30000",
        C,
        "Longest lease of a cluster manager, in milliseconds; the same at all nodes. A node that has just "
        "become a primary, or has lost its file of such leases, grants none for so long.",
        immutable=True,
    ),
    Directive(
        "cluster-manager-records-bytes-max",
        Memory(4096, 64 << 20),
        "1048576",
        C,
        "Most bytes of records that the cluster's managers may store at a node.",
    ),
    Directive(
        "cluster-manager-connections-max",
        Integer(1, 65_536),
        "256",
        C,
        "Most connections of a cluster manager that a node knows as such; beyond it the oldest is closed.",
    ),
)
