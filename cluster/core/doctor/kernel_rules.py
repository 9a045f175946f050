"""The kernel under a node on the doctor's machine, and the clocks of all nodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from garrison.cluster.core.doctor.readings import NodeReading, Reading
from garrison.cluster.core.doctor.rule import Found, Rule, at
from garrison.cluster.core.printable import human
from garrison.cluster.core.words import listed

SWAPPED_BYTES_MIN = 1024**2
DESCRIPTORS_OF_ITS_OWN = 32
CLOCK_SKEW_MS_MAX = 500.0
CLOCK_SKEW_ERROR_MS = 10_000.0


def _huge_pages(node: NodeReading) -> Iterator[Found]:
    if node.host is not None and node.host.thp == "always":
        yield Found(
            "transparent huge pages are on for everybody",
            "switch them off, also at each boot",
            ("echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",),
            {"transparent_hugepage": "always"},
        )


def _overcommit(node: NodeReading) -> Iterator[Found]:
    if node.host is not None and node.host.overcommit_memory != 1 and not node.is_garrison:
        yield Found(
            f"vm.overcommit_memory is {node.host.overcommit_memory}",
            "let the kernel promise more than it has",
            (
                "sudo sysctl -w vm.overcommit_memory=1",
                "echo vm.overcommit_memory=1 | sudo tee /etc/sysctl.d/redis.conf",
            ),
            {"overcommit_memory": node.host.overcommit_memory or 0},
        )


def _somaxconn(node: NodeReading) -> Iterator[Found]:
    backlog = node.setting_number("tcp-backlog")
    limit = node.host.somaxconn if node.host is not None else None
    if limit is not None and limit < backlog:
        yield Found(
            f"net.core.somaxconn is {limit}, below tcp-backlog {backlog:.0f}",
            "raise it, and start the node again",
            (f"sudo sysctl -w net.core.somaxconn={backlog:.0f}",),
            {"somaxconn": limit, "tcp-backlog": backlog},
        )


def _swapped(node: NodeReading) -> Iterator[Found]:
    size = (node.host.swapped_bytes if node.host is not None else None) or 0
    if size > SWAPPED_BYTES_MIN:
        yield Found(
            f"{human(size)} of the process are in swap",
            "make room on the machine, and tell the kernel to swap late",
            ("sudo sysctl -w vm.swappiness=1", "free -h"),
            {"swapped_bytes": size},
        )


def _open_files(node: NodeReading) -> Iterator[Found]:
    limit = node.host.open_files_max if node.host is not None else None
    wanted = node.figure("maxclients") + DESCRIPTORS_OF_ITS_OWN
    if limit is not None and limit < wanted:
        yield Found(
            f"the process may open {limit} files, fewer than maxclients "
            f"{node.figure('maxclients'):.0f} needs",
            "raise the limit where it is started (LimitNOFILE= in systemd)",
            (f"sudo prlimit --pid {node.figure('process_id'):.0f} --nofile={wanted:.0f}:{wanted:.0f}",),
            {"open_files_max": limit, "wanted": wanted},
        )


def _clock_unsynchronised(node: NodeReading) -> Iterator[Found]:
    if node.host is not None and node.host.clock_synchronised is False:
        yield Found(
            "nothing keeps this machine's clock right",
            "run a time service",
            ("sudo timedatectl set-ntp true", "timedatectl"),
        )


def _clock_skew(reading: Reading) -> Iterator[Found]:
    clocks = sorted((n for n in reading.answering if n.clock_ahead_ms is not None), key=_ahead)
    if len(clocks) < 2:
        return
    behind, ahead = clocks[0], clocks[-1]
    doubt = behind.clock_uncertainty_ms + ahead.clock_uncertainty_ms
    skew = _ahead(ahead) - _ahead(behind) - doubt
    if skew > CLOCK_SKEW_MS_MAX:
        yield Found(
            f"the clock of {ahead.where} is {skew / 1000:.1f} s ahead of that of {behind.where}",
            "run a time service on all machines",
            (at(ahead, "TIME"), at(behind, "TIME"), "timedatectl"),
            {"skew_ms": skew, "uncertainty_ms": doubt, "slowest": listed([behind.where])},
            "error" if skew > CLOCK_SKEW_ERROR_MS else None,
        )


def _ahead(node: NodeReading) -> float:
    return node.clock_ahead_ms or 0.0


def _once_a_host(look: Callable[[NodeReading], Iterable[Found]]) -> Callable[[Reading], Iterable[Found]]:
    """What a look at the nodes of a host finds first: all of them stand on one kernel."""

    def find(reading: Reading) -> Iterator[Found]:
        for nodes in reading.by_host.values():
            found = (replace(each, where=node.where) for node in nodes for each in look(node))
            yield from itertools.islice(found, 1)

    return find


KERNEL_RULES = (
    Rule(
        "huge-pages",
        "warning",
        "kernel",
        "transparent huge pages are `always`",
        "One changed byte copies 2 MB during a snapshot, and the kernel's search for huge pages "
        "stalls the node.",
        ("host:thp",),
        whole=_once_a_host(_huge_pages),
    ),
    Rule(
        "overcommit",
        "warning",
        "kernel",
        "`vm.overcommit_memory` is not 1 under a server that forks (Redis, Valkey)",
        "A fork for a snapshot is refused although its pages would never be copied.",
        ("host:overcommit_memory",),
        whole=_once_a_host(_overcommit),
    ),
    Rule(
        "somaxconn",
        "warning",
        "kernel",
        "`net.core.somaxconn` is below `tcp-backlog`",
        "When all clients come back at once, the kernel drops connections that the server would take.",
        ("host:somaxconn", "config:tcp-backlog"),
        whole=_once_a_host(_somaxconn),
    ),
    Rule(
        "swapped",
        "warning",
        "kernel",
        "a part of the process is in swap",
        "Each touch of it stops the node for as long as the disk takes.",
        ("host:swapped_bytes",),
        node=_swapped,
    ),
    Rule(
        "open-files",
        "warning",
        "kernel",
        "the process may open fewer files than `maxclients` needs",
        "Connections are refused before `maxclients` is reached, and files cannot be opened either.",
        ("host:open_files_max", "info:maxclients"),
        node=_open_files,
    ),
    Rule(
        "clock-unsynchronised",
        "warning",
        "kernel",
        "the machine's clock is not synchronised",
        "Keys expire too early or too late, and logs of different machines cannot be compared.",
        ("host:clock_synchronised",),
        whole=_once_a_host(_clock_unsynchronised),
    ),
    Rule(
        "clock-skew",
        "warning",
        "kernel",
        "the clocks of two nodes differ by over 0.5 s (an error above 10 s)",
        "Expiries are times of day: on a failover, keys live longer or are gone at once.",
        ("clock_ahead_ms",),
        whole=_clock_skew,
    ),
)
