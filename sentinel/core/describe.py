"""How SENTINEL MASTER, REPLICAS, SENTINELS and INFO sentinel describe what is known: Redis's fields in its
order.
"""

from __future__ import annotations

from collections.abc import Iterator

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.failover_start import is_left_to_another
from garrison.sentinel.core.instances import (
    DataNode,
    Instance,
    Peer,
    Primary,
    Reconfiguration,
    Replica,
    primary_of,
)
from garrison.sentinel.core.lost_data import is_in_doubt


def fields(context: Context, instance: Instance) -> dict[str, str]:
    """A server as a map of texts."""
    shown = {
        "name": context.name_of(instance),
        "ip": context.shown(instance.address),
        "port": str(instance.address.port),
        "runid": instance.run_id,
        "flags": ",".join(_flags(context, instance)),
    }
    shown |= _of_link(context, instance)
    if instance.is_down:
        shown["s-down-time"] = str(context.now_ms - instance.down_since_ms)
    if isinstance(instance, Primary) and instance.is_odown:
        shown["o-down-time"] = str(context.now_ms - instance.odown_since_ms)
    shown["down-after-milliseconds"] = str(primary_of(instance).monitor.down_after_ms)
    if isinstance(instance, DataNode):
        shown["info-refresh"] = str(context.now_ms - instance.info_ms if instance.info_ms else 0)
        shown["role-reported"] = instance.role_reported
        shown["role-reported-time"] = str(context.now_ms - instance.role_reported_ms)
    if isinstance(instance, Primary):
        shown |= _of_primary(instance)
    elif isinstance(instance, Replica):
        shown |= _of_replica(context, instance)
    elif isinstance(instance, Peer):
        shown["last-hello-message"] = str(context.now_ms - instance.hello_received_ms)
        shown["voted-leader"] = instance.vote or "?"
        shown["voted-leader-epoch"] = str(instance.vote_epoch)
    return shown


def _flags(context: Context, instance: Instance) -> Iterator[str]:
    if instance.is_down:
        yield "s_down"
    if isinstance(instance, Primary) and instance.is_odown:
        yield "o_down"
    yield instance.kind.value
    if isinstance(instance, Peer) and instance.holds_down:
        yield "master_down"
    if not instance.link.command.up:
        yield "disconnected"
    if isinstance(instance, Primary):
        if instance.failing_over:
            yield "failover_in_progress"
        if instance.attempt.forced and instance.failing_over:
            yield "force_failover"
        if instance.reboot_ms:
            yield "master_reboot"
        # Ours: see node/core/sentinel_hold.py.
        if is_left_to_another(context, instance):
            yield "failover_expected"
        if is_in_doubt(context, instance):
            yield "data_in_doubt"
    if isinstance(instance, Replica):
        if instance.is_promoted:
            yield "promoted"
        if instance.reconfiguration is not Reconfiguration.NONE:
            yield instance.reconfiguration.value


def _of_link(context: Context, instance: Instance) -> dict[str, str]:
    link = instance.link
    pending = len(link.command.waiting)
    references = len(link.users)
    waiting_ms = context.awake_ms - link.unanswered_awake_ms if link.unanswered_awake_ms >= 0 else 0
    shown = {"link-pending-commands": str(pending), "link-refcount": str(references)}
    if isinstance(instance, Primary) and instance.failing_over:
        shown["failover-state"] = instance.attempt.state.value
    shown["last-ping-sent"] = str(waiting_ms)
    shown["last-ok-ping-reply"] = str(context.awake_ms - link.available_awake_ms)
    shown["last-ping-reply"] = str(context.now_ms - link.replied_ms)
    return shown


def _of_primary(primary: Primary) -> dict[str, str]:
    monitor = primary.monitor
    shown = {
        "config-epoch": str(primary.config_epoch),
        "num-slaves": str(len(primary.replicas)),
        "num-other-sentinels": str(len(primary.peers)),
        "quorum": str(monitor.quorum),
        "failover-timeout": str(monitor.failover_timeout_ms),
        "parallel-syncs": str(monitor.parallel_syncs),
    }
    if monitor.notification_script:
        shown["notification-script"] = monitor.notification_script
    if monitor.client_reconfig_script:
        shown["client-reconfig-script"] = monitor.client_reconfig_script
    return shown


def _of_replica(context: Context, replica: Replica) -> dict[str, str]:
    refused = {"master-sync-refused": replica.refuses} if replica.refuses else {}
    return {
        "master-link-down-time": str(replica.link_down_ms),
        "master-link-status": "ok" if replica.link_up else "err",
        "master-host": replica.follows.host,
        "master-port": str(replica.follows.port),
        "slave-priority": str(replica.priority),
        "slave-repl-offset": str(replica.offset),
        "replica-announced": "1" if replica.announced else "0",
        **refused,
    }


def info_section(context: Context, running_scripts: int, queued_scripts: int) -> str:
    """INFO sentinel, without the heading."""
    tilt_s = (context.now_ms - context.tilt_since_ms) // 1000 if context.in_tilt else -1
    lines = [
        f"sentinel_masters:{len(context.primaries)}",
        f"sentinel_tilt:{int(context.in_tilt)}",
        f"sentinel_tilt_since_seconds:{tilt_s}",
        f"sentinel_running_scripts:{running_scripts}",
        f"sentinel_scripts_queue_length:{queued_scripts}",
        "sentinel_simulate_failure_flags:"
        + str(sum(_SIMULATED_BITS[name] for name in context.simulated_failures)),
    ]
    for index, primary in enumerate(context.primaries.values()):
        status = "odown" if primary.is_odown else "sdown" if primary.is_down else "ok"
        lines.append(
            f"master{index}:name={primary.name},status={status},"
            f"address={context.shown(primary.address)}:{primary.address.port},"
            f"slaves={len(primary.replicas)},sentinels={primary.voters}"
        )
    return "".join(f"{line}\r\n" for line in lines)


_SIMULATED_BITS = {"crash-after-election": 1, "crash-after-promotion": 2}
