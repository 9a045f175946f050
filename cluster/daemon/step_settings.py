"""The steps that change or restart one node: configure and restart."""

import json
import time

from garrison.client import ReplyError
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Node
from garrison.cluster.daemon.leased import LeasedClient
from garrison.cluster.daemon.step_context import StepContext, UnsureError, find_member, wait_in_sync
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import read_fields

LOG_TIMEOUT_S = 3_600.0
"""How long a node may take to write the append-only file that was switched on."""
RESTART_TIMEOUT_S = 180.0
"""How long a supervisor may take to start a node again, its loading included."""
SYNC_AFTER_RESTART_TIMEOUT_S = 3_600.0


async def configure(context: StepContext) -> None:
    """Set what differs from `settings`, and write it to the node's file if it has one."""
    try:
        settings = {str(name): str(value) for name, value in json.loads(context.word("settings")).items()}
    except (ValueError, AttributeError) as error:
        raise UnsureError(f"`settings` is not a JSON object: {error}") from error
    async with context.admin() as admin:
        node = find_member(await admin.cluster_state(), context.word("node"))
        present = await read_settings(admin, node, settings)
        unknown = settings.keys() - present.keys()
        if unknown:
            raise UnsureError(f"{node.label} has no directive {', '.join(sorted(unknown))}")
        different = {name: value for name, value in settings.items() if present[name] != value}
        if different:
            context.demand_going_on()
            pairs = [word for pair in different.items() for word in pair]
            reply = (await admin.call_many(node.address, [("CONFIG", "SET", *pairs)]))[0]
            if isinstance(reply, ReplyError):
                raise UnsureError(f"{node.label} refuses CONFIG SET: {reply}")
        if settings.get("appendonly") == "yes":
            await _demand_log(context, admin, node, is_new="appendonly" in different)
        reply = (await admin.call_many(node.address, [("CONFIG", "REWRITE")]))[0]
        if isinstance(reply, ReplyError) and "without a config file" not in reply.message:
            raise ManagerError(f"{node.label} cannot write its file: {reply}")


async def _demand_log(context: StepContext, admin: LeasedClient, node: Node, *, is_new: bool) -> None:
    """Wait until the append-only file stands: CONFIG SET says OK before the node has written its data to it.

    One that could not be written before is tried once more.
    """
    if not is_new and (await _persistence(admin, node)).get("aof_last_bgrewrite_status") == "err":
        context.demand_going_on()
        await admin.call(node.address, "BGREWRITEAOF")
    deadline = time.monotonic() + LOG_TIMEOUT_S
    while time.monotonic() < deadline:
        fields = await _persistence(admin, node)
        if "1" not in (fields.get("aof_rewrite_in_progress"), fields.get("aof_rewrite_scheduled")):
            if fields.get("aof_last_bgrewrite_status") == "err":
                raise UnsureError(
                    f"{node.label} cannot write its append-only file, its log says why: mend it, then resume"
                )
            return
        await context.pause()
    raise ManagerError(f"{node.label} has not written its append-only file in {LOG_TIMEOUT_S:.0f} s")


async def _persistence(admin: LeasedClient, node: Node) -> dict[str, str]:
    return read_fields(await admin.call(node.address, "INFO", "persistence"))


async def read_settings(admin: LeasedClient, node: Node, names: dict[str, str]) -> dict[str, str]:
    """What CONFIG GET says of each name."""
    found: dict[str, str] = {}
    replies = await admin.demand_many(node.address, [("CONFIG", "GET", name) for name in names])
    for reply in replies:
        pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
        found |= {name.decode(): value.decode("utf-8", "replace") for name, value in pairs}
    return found


async def restart(context: StepContext) -> None:
    """Shut `node` down if it still runs as `run_id`; wait until it is back and in sync."""
    run_id = context.word("run_id")
    async with context.admin() as admin:
        state = await admin.cluster_state()
        node = find_member(state, context.word("node"))
        await _wait_for_another(context, admin, state, node, run_id)
        view = await admin.view(node.address)
        if not view.myself.is_primary:
            await wait_in_sync(context, admin, view.myself, SYNC_AFTER_RESTART_TIMEOUT_S)


async def _wait_for_another(
    context: StepContext, admin: LeasedClient, state: ClusterState, node: Node, run_id: str
) -> None:
    """Until another process serves there. One that does not answer may have been shut down already."""
    deadline, is_asked = time.monotonic() + RESTART_TIMEOUT_S, False
    while time.monotonic() < deadline:
        found = await _run_id(admin, node)
        if found == run_id and not is_asked:
            _demand_may_go(state, node)
            context.demand_going_on()
            is_asked = True
            try:
                await admin.call(node.address, "SHUTDOWN")
            except UnreachableError:
                pass  # It has gone without an answer, as it shall.
        elif found not in (None, run_id) and (await _persistence(admin, node)).get("loading") != "1":
            return
        await context.pause()
    raise ManagerError(
        f"{node.label} is not back {RESTART_TIMEOUT_S:.0f} s after its shutdown: does a supervisor start it?"
    )


def _demand_may_go(state: ClusterState, node: Node) -> None:
    if node.is_primary and state.slots_of.get(node.id):
        raise UnsureError(f"{node.label} is a primary that owns slots: hand its shard over first")


async def _run_id(admin: LeasedClient, node: Node) -> str | None:
    """Of the process that answers there; None when none does."""
    try:
        return read_fields(await admin.call(node.address, "INFO", "server")).get("run_id")
    except ManagerError:
        return None
