"""`/metrics` of a manager: itself, the cluster as a whole, and each node by the usual names."""

from collections.abc import Iterator, Mapping

from garrison.base.metrics.exposition import Family, Kind, counter, gauge, render
from garrison.base.metrics.info_families import number
from garrison.base.metrics.info_names import METRICS, MICROSECONDS
from garrison.cluster.core.manager.jobs import Progress
from garrison.cluster.core.manager.manager_names import shown_name
from garrison.cluster.core.manager.node_figures import Sample
from garrison.cluster.core.manager.picture import NodeState, Picture
from garrison.cluster.daemon.desk import Desk

DOWN = frozenset({NodeState.SILENT, NodeState.FAILED})


def write_metrics(desk: Desk, samples: Mapping[str, Sample | None]) -> str:
    """The text of a scrape. `samples` is by node id; None for a node that has not answered."""
    families = [*_of_manager(desk), *_of_cluster(desk.picture), *_of_nodes(desk.picture, samples)]
    return render(families).decode()


def _of_manager(desk: Desk) -> Iterator[Family]:
    core, picture = desk.driver.core, desk.picture
    leads = gauge("garrison_manager_leader", "Whether this manager leads.")
    yield leads.add(int(core.leads), [("manager", shown_name(desk.settings.id))])
    yield gauge("garrison_manager_lease_epoch", "The epoch of the lease that it knows.", core.epoch)
    jobs = gauge("garrison_manager_jobs", "Jobs by state.")
    for state in Progress:
        jobs.add(sum(job.state is state for job in desk.jobs()), [("state", state.value)])
    yield jobs
    age_s = 0.0 if not picture.at_ms else max(0, desk.now_ms() - picture.at_ms) / 1000
    yield gauge("garrison_manager_picture_age_seconds", "How old its picture is.", age_s)
    yield gauge("garrison_manager_followers", "Clients that follow its events.", len(desk.broadcast))


def _of_cluster(picture: Picture) -> Iterator[Family]:
    yield gauge("garrison_cluster_slots_covered", "Slots whose owner serves.", picture.slots_covered)
    yield gauge(
        "garrison_cluster_majority", "Whether a majority of primaries answers.", int(picture.majority_answers)
    )
    nodes = gauge("garrison_cluster_nodes", "Nodes by role and state.")
    counts: dict[tuple[str, str], int] = {}
    for node in picture.nodes:
        key = node.role, node.state.value
        counts[key] = counts.get(key, 0) + 1
    for (role, state), count in sorted(counts.items()):
        nodes.add(count, [("role", role), ("state", state)])
    yield nodes
    events = counter("garrison_cluster_failovers_total", "Failovers among the events that are kept.")
    yield events.add(sum(event.kind == "failover" for event in picture.events))
    yield gauge("garrison_cluster_open_slots", "Slots with a migration mark.", len(picture.open_slots))


def _of_nodes(picture: Picture, samples: Mapping[str, Sample | None]) -> Iterator[Family]:
    """One family for each figure of INFO that has a name, a sample for each node.

    Of two with one address the later sample counts, so the dead come before those that answer there now.
    """
    up = gauge("redis_up", "Whether the node answers the manager.")
    families: dict[str, Family] = {}
    lag = gauge("redis_replica_lag_seconds", "How far a replica is behind its primary.")
    keys = gauge("redis_db_keys", "Keys by database.")
    for node in sorted(picture.nodes, key=lambda node: node.state not in DOWN):
        labels = [("instance", node.address)]
        up.add(int(node.state not in DOWN), labels)
        sample = samples.get(node.id)
        if node.load.lag_ms is not None:
            lag.add(node.load.lag_ms / 1000, labels)
        if sample is None or node.state in DOWN:
            continue
        if sample.keys is not None:
            keys.add(sample.keys, [("db", "db0"), *labels])
        for field, value in sample.fields.items():
            metric = METRICS.get(field)
            if metric is not None:
                family = families.setdefault(
                    metric.name, Family(metric.name, Kind(metric.kind), f"INFO {field}.")
                )
                amount = number(value)
                family.add(amount / 1e6 if field in MICROSECONDS else amount, labels)
    yield from (up, lag, keys)
    yield from families.values()
