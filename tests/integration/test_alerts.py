"""The shipped alerts: checked by promtool, and provoked by real processes in the state that each is about.

A real state is scraped before and after it comes about, and promtool sees it last for 15 minutes. Without a
process of their own here, and so checked with made-up series alone (garrison.rules.test.yml): a snapshot that
is two hours old, a certificate (nodes have no TLS yet) and the managers' alerts.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import find_free_port
from tests.integration.promtool import RULES, Target, check_firing, promtool, scrape
from tests.integration.replicating import Field, Process
from tests.integration.sentinels import Bench, until


def test_rules_and_configuration_are_valid(root: Path, tmp_path: Path) -> None:
    folder = root / "deploy" / "prometheus"
    assert "SUCCESS" in promtool("check", "rules", "garrison.rules.yml")
    # As Compose mounts it.
    (tmp_path / "targets").mkdir()
    shutil.copy(folder / "garrison.rules.yml", tmp_path)
    (tmp_path / "manager-token").write_text("of a test")
    configuration = (folder / "prometheus.yml").read_text()
    assert "/run/garrison/manager-token" in configuration
    (tmp_path / "prometheus.yml").write_text(configuration.replace("/run/garrison/", ""))
    for path in folder.glob("*.targets.yml"):
        shutil.copy(path, tmp_path / "targets")
    said = promtool("check", "config", "prometheus.yml", folder=tmp_path)
    assert "SUCCESS" in said
    assert "WARNING" not in said


def test_each_alert_fires_and_does_not_on_made_series() -> None:
    promtool("test", "rules", "garrison.rules.test.yml")


def test_no_alert_is_without_a_test() -> None:
    rules = yaml.safe_load(RULES.read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = yaml.safe_load(RULES.with_name("garrison.rules.test.yml").read_text())["tests"]
    firing = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert alerts == firing


class Watched:
    """Processes with metrics, and what changes about them."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.targets: list[Target] = []
        self.before: dict[str, float] = {}

    def node(self, *directives: str) -> Process:
        port = find_free_port()
        process = self.field.start(
            "garrison", "--metrics-port", str(port), "--metrics-bind", "127.0.0.1", *directives
        )
        self.targets.append(Target("garrison-node", port))
        return process

    def look(self) -> None:
        """The state before."""
        self.before = scrape(self.targets)

    def value(self, name: str) -> float:
        """The largest value of this metric now, of all targets."""
        return max(target.value(f"{name}{{") for target in self.targets)

    def until(self, name: str, holds: Callable[[float], bool]) -> None:
        """Wait until a metric says it: pages show what was gathered a moment ago."""
        until(f"seen: {name}", lambda: holds(self.value(name)))

    def check(self, *alerts: str) -> None:
        check_firing(self.field.folder, self.before, scrape(self.targets), set(alerts))


@pytest.fixture
def watched(field: Field) -> Watched:
    return Watched(field)


def wait(node: Process, condition: Callable[[], bool], what: str) -> None:
    node.until(condition, what, 30)


def test_a_healthy_pair_alarms_nobody_until_it_falls(watched: Watched) -> None:
    primary, replica = watched.node(), watched.node()
    replica.follow(primary)
    replica.wait_for(primary)
    primary.call("SET", "a", "1")
    replica.wait_for(primary)
    watched.until("garrison_replica_lag_seconds", lambda lag_s: lag_s == 0)
    watched.look()
    watched.check()
    both = list(watched.targets)

    os.kill(replica.process.pid, signal.SIGSTOP)
    primary.call("SET", "a", "2")
    watched.targets.pop()  # What a stopped process does not answer is another alert.
    watched.until("garrison_replica_lag_seconds", lambda lag_s: lag_s > 1)
    watched.look()
    watched.check("GarrisonReplicaLag")
    os.kill(replica.process.pid, signal.SIGCONT)
    replica.wait_for(primary)

    watched.targets = both
    primary.kill()
    until("seen: no link", lambda: watched.value("redis_master_link_up") == 0 and not replica.is_online())
    watched.look()
    watched.check("GarrisonDown", "GarrisonReplicaOutOfSync", *late(watched))
    replica.call("REPLICAOF", "NO", "ONE")
    watched.until("garrison_promotions_total", lambda times: times == 1)
    watched.check("GarrisonDown", "GarrisonFailover", *late(watched))


def late(watched: Watched) -> list[str]:
    """The alert of a process that was stopped, for as long as its lag is remembered."""
    return ["GarrisonControlPlaneLate"] if watched.value("garrison_control_loop_lag_seconds") > 0.5 else []


def test_memory_misses_and_a_disk_that_fails(watched: Watched) -> None:
    node = watched.node()
    node.call("SET", "large", b"x" * 4_000_000)
    watched.look()
    used = int(node.client.info("memory")["used_memory"])
    node.call("CONFIG", "SET", "maxmemory", str(int(used / 0.9)))
    watched.until("redis_memory_max_bytes", lambda bytes_max: bytes_max > 0)
    watched.check("GarrisonMemoryHigh")
    node.call("CONFIG", "SET", "maxmemory", "0")

    with node.client.pipeline(transaction=False) as pipe:
        for number in range(500):
            pipe.get(f"absent:{number}")
        pipe.execute()
    watched.until("redis_keyspace_misses_total", lambda misses: misses == 500)
    watched.check("GarrisonHitRateLow")
    watched.look()

    shutil.rmtree(node.folder)
    node.call("BGSAVE")
    watched.until("garrison_disk_error", lambda failed: failed == 1)
    watched.check("GarrisonDiskError")


def test_a_busy_data_plane_and_a_process_that_stood_still(watched: Watched) -> None:
    node = watched.node()
    watched.look()
    with socket.create_connection(("127.0.0.1", node.port)) as busy:
        busy.sendall(b"DEBUG SLEEP 4\r\n")
        watched.until("redis_up", lambda up: up == 0)
        watched.check("GarrisonDataPlaneStuck")
        assert busy.recv(16) == b"+OK\r\n"
    watched.until("redis_up", lambda up: up == 1)
    os.kill(node.process.pid, signal.SIGSTOP)
    stopped_s = time.monotonic()
    until("it stood still for long enough", lambda: time.monotonic() - stopped_s > 1.0)
    os.kill(node.process.pid, signal.SIGCONT)
    watched.until("garrison_control_loop_lag_seconds", lambda lag_s: lag_s > 0.5)
    watched.check("GarrisonControlPlaneLate")


def test_a_subscriber_that_does_not_read(watched: Watched) -> None:
    node = watched.node("--client-output-buffer-limit", "pubsub 8mb 0 0")
    watched.look()
    with socket.create_connection(("127.0.0.1", node.port)) as deaf:
        deaf.sendall(b"SUBSCRIBE news\r\n")
        assert deaf.recv(1024)
        message = b"x" * 100_000

        def is_near() -> bool:
            fraction = watched.value("garrison_client_output_buffer_fraction")
            if fraction <= 0.85:
                node.call("PUBLISH", "news", message)
            return fraction > 0.85

        wait(node, is_near, "its output waits")
        watched.check("GarrisonClientNearBufferLimit")
    watched.until("garrison_client_output_buffer_fraction", lambda fraction: fraction == 0)
    watched.check()


def test_a_cluster_loses_a_slot_and_then_its_majority(watched: Watched) -> None:
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
    first, second = watched.node(*options), watched.node(*options)
    first.call("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
    second.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
    first.call("CLUSTER", "MEET", "127.0.0.1", second.port)
    for node in (first, second):
        wait(node, lambda node=node: serves(node), "it serves")  # type: ignore[misc]
    watched.look()
    watched.check()

    second.call("CLUSTER", "DELSLOTS", 16383)
    until("seen: a slot less", lambda: watched.targets[1].value("garrison_cluster_slots_covered") == 16383)
    watched.check("GarrisonSlotsUncovered")

    second.call("CLUSTER", "ADDSLOTS", 16383)
    second.kill()
    watched.until("garrison_cluster_majority", lambda has: has == 0)
    until("seen: no lease", lambda: watched.targets[0].value('garrison_cluster_lease{state="lapsed"') == 1)
    watched.check("GarrisonDown", "GarrisonNoMajority", "GarrisonNodeCutOff", "GarrisonWritesRefused")


def test_prometheus_reads_pages_of_nodes_after_an_election(watched: Watched) -> None:
    """The types of messages of an election have names that metrics may not have."""
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
    primary, replica = watched.node(*options), watched.node(*options)
    primary.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    replica.call("CLUSTER", "MEET", "127.0.0.1", primary.port)
    wait(replica, lambda: serves(replica), "it serves")
    replica.call("CLUSTER", "REPLICATE", primary.call("CLUSTER", "MYID"))
    wait(replica, replica.is_online, "it is in sync")
    replica.call("CLUSTER", "FAILOVER")
    watched.until("redis_cluster_stats_messages_auth_ack_received", lambda count: count > 0)
    watched.look()
    assert {series.partition("{")[0] for series in watched.before} >= {
        f"redis_cluster_stats_messages_{word}"
        for word in ("auth_req_sent", "auth_ack_sent", "auth_req_received", "auth_ack_received")
    }


def serves(node: Process) -> bool:
    text = node.call("CLUSTER", "INFO")
    return "cluster_state:ok" in (text.decode() if isinstance(text, bytes) else str(text))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_sentinels_without_a_quorum_and_without_a_primary(bench: Bench) -> None:
    primary = bench.node("garrison")
    primary.wait_until_ready()
    port = find_free_port()
    lines = (
        f"metrics-port {port}\nmetrics-bind 127.0.0.1\nsentinel monitor orders 127.0.0.1 {primary.port} 1\n"
        "sentinel down-after-milliseconds orders 500\n"
    )
    sentinel = bench.sentinel("garrison", lines)
    sentinel.wait_until_ready()
    watching = [Target("garrison-sentinel", port)]
    check_firing(bench.folder, {}, scrape(watching), set())
    assert sentinel("SENTINEL", "SET", "orders", "quorum", 2) == "OK"
    quorum = "redis_sentinel_master_ckquorum_status"
    until("seen: no quorum", lambda: watching[0].value(quorum) == 0)
    check_firing(bench.folder, {}, scrape(watching), {"GarrisonSentinelQuorum"})
    primary.kill()
    until("seen: it is down", lambda: watching[0].value("redis_sentinel_master_status") == 0)
    alerts = {"GarrisonSentinelQuorum", "GarrisonPrimaryDown"}
    check_firing(bench.folder, {}, scrape(watching), alerts)
