"""A node's and a Sentinel's own metrics are those that the usual exporter gives for the same process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.conftest import find_free_port
from tests.integration.exporters import FIELDS_OF_OURS, Name, Sample, exporting, get, names, samples
from tests.integration.replicating import Field, Process
from tests.integration.sentinels import Bench, until

VOLATILE = re.compile(
    r"redis_(cpu_.*|memory_used_.*|allocator_.*|mem_.*|net_.*|total_(reads|writes)_processed|uptime_.*"
    r"|client_recent_.*|total_error_replies|connect(ions_received_total|ed_clients)|commands_processed_total|db_avg_ttl_seconds"
    r"|aof_(buffer_length|current_size_bytes)|master_last_io_.*|connected_slave_lag_seconds|start_time_seconds"
    r"|.*repl_offset|repl_backlog_history_bytes|connected_slave_offset_bytes|cluster_messages_.*"
    r"|cluster_stats_messages_.*|slowlog_.*|last_slow_execution_duration_seconds)"
)
"""What changes from one look to the next, or by looking."""
QUESTIONS_OF_SCRAPERS = re.compile(r"(client|config|slowlog|latency|info|cluster|ping|replconf|psync)\b.*")
"""Commands that the exporter, the node for its own metrics, the test or a replica sends."""


class Metered:
    """A node that serves metrics."""

    def __init__(self, field: Field, *directives: str) -> None:
        self.metrics_port = find_free_port()
        port = str(self.metrics_port)
        self.process = field.start(
            "garrison", "--metrics-port", port, "--metrics-bind", "127.0.0.1", *directives
        )
        self.url = f"http://127.0.0.1:{self.metrics_port}"

    def text(self) -> str:
        return get(f"{self.url}/metrics")


def use(server: Process) -> None:
    """Leaves a trace in every kind of metric."""
    server.call("CONFIG", "SET", "latency-monitor-threshold", "1", "slowlog-log-slower-than", "0")
    server.call("SET", "a", "1")
    server.call("SET", "b", "2", "EX", "1000")
    server.call("GET", "a")
    server.call("GET", "absent")
    for words in (["INCR", "b", "c"], ["LPUSH", "a", "x"], ["NOSUCH"]):
        with pytest.raises(Exception, match=r"wrong number|WRONGTYPE|unknown"):
            server.call(*words)
    # Long enough for the latency monitor.
    server.call("EVAL", "local i = 0 while i < 5000000 do i = i + 1 end return i", "0")


def stable(text: str) -> dict[Sample, float]:
    return {
        (name, labels): value
        for (name, labels), value in samples(text).items()
        if not VOLATILE.fullmatch(name)
        and not FIELDS_OF_OURS.fullmatch(name)
        and not any(label == "cmd" and QUESTIONS_OF_SCRAPERS.fullmatch(text) for label, text in labels)
    }


def compared_names(text: str) -> set[Name]:
    return {name for name in names(text) if not FIELDS_OF_OURS.fullmatch(name[0])}


def check_same(own: Callable[[], str], port: int) -> None:
    """Names, types, labels and stable values, ours beside the exporter's, for one process."""
    with exporting(port) as url:
        get(url)  # Both have asked their questions before what they make of them is compared.
        own()
        theirs, ours = get(url), own()
    assert compared_names(ours) == compared_names(theirs)
    assert stable(ours) == stable(theirs)
    assert len(stable(ours)) > 20


@pytest.mark.parametrize(
    "directives",
    [[], ["--cluster-enabled", "yes", "--appendonly", "yes"]],
    ids=["alone", "in a cluster, with a log"],
)
def test_node_says_what_the_exporter_says(field: Field, directives: list[str]) -> None:
    node = Metered(field, *directives)
    if directives:
        node.process.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        node.process.until(lambda: "cluster_state:ok" in info(node.process, "CLUSTER", "INFO"), "it serves")
    use(node.process)
    check_same(node.text, node.process.port)


def test_primary_and_replica_say_what_the_exporter_says(field: Field) -> None:
    primary, replica = Metered(field), Metered(field)
    replica.process.follow(primary.process)
    replica.process.wait_for(primary.process)
    use(primary.process)
    replica.process.wait_for(primary.process)
    check_same(primary.text, primary.process.port)
    check_same(replica.text, replica.process.port)


def test_node_lacks_no_name_that_redis_has(field: Field) -> None:
    """The meaning: what dashboards see of a real Redis after the same use."""
    node, redis = Metered(field), field.start("redis")
    for server in (node.process, redis):
        use(server)
    with exporting(redis.port) as url:
        get(url)
        theirs = get(url)
    assert names(theirs) - names(node.text()) == set()
    # Redis 7.0 counts the client library's CLIENT SETINFO as an error of the code ERR.
    of_use = re.compile(
        r"redis_(db_keys.*|keyspace_.*|config_max.*|commands_(failed|rejected)_calls_total|up)"
    )
    ours = stable(node.text())
    meant = {sample: value for sample, value in stable(theirs).items() if of_use.fullmatch(sample[0])}
    assert len(meant) > 20
    assert {sample: ours[sample] for sample in meant} == meant


def info(server: Process, *words: str) -> str:
    answer = server.call(*words)
    return str(answer.decode() if isinstance(answer, bytes) else answer)


def test_both_formats_are_read_by_the_client_library(field: Field) -> None:
    node = Metered(field)
    use(node.process)
    plain = list(read_text(node.text()))
    asked = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3"
    openmetrics = list(read_openmetrics(get(f"{node.url}/metrics", accept=asked)))
    # The reader of the text format gives every counter the suffix that OpenMetrics wants.
    in_plain, in_openmetrics = (
        {sample.name.removesuffix("_total") for family in families for sample in family.samples}
        for families in (plain, openmetrics)
    )
    assert in_plain == in_openmetrics
    calls = next(family for family in openmetrics if family.name == "redis_commands")
    assert calls.type == "counter"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_sentinel_says_what_the_exporter_says(bench: Bench) -> None:
    primary = bench.node("garrison")
    bench.node("garrison", primary=primary)
    port = find_free_port()
    lines = (
        f"metrics-port {port}\nmetrics-bind 127.0.0.1\nsentinel monitor orders 127.0.0.1 {primary.port} 1\n"
    )
    sentinel = bench.sentinel("garrison", lines)
    sentinel.wait_until_ready()
    until("it knows the replica", lambda: sentinel.map("SENTINEL", "MASTER", "orders")["num-slaves"] == "1")
    check_same(lambda: get(f"http://127.0.0.1:{port}/metrics"), sentinel.port)
