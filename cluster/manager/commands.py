"""What each command of the admin CLI does, from its request to its document. Nothing here prints a result.

Those that move slots are in :mod:`garrison.cluster.manager.reshard`.

Each function takes a :class:`Session` (how to reach nodes, how to talk to the user) and returns a document of
:mod:`garrison.cluster.documents`; trouble is a :class:`garrison.cluster.errors.ManagerError`.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from garrison.client import ReplyError
from garrison.cluster import documents as doc
from garrison.cluster.core import check as core_check
from garrison.cluster.core.creation import plan_creation
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.errors import ManagerError, UsageProblem
from garrison.cluster.manager import members
from garrison.cluster.manager.backup import back_up, demand_new
from garrison.cluster.manager.form import are_formed, form, wait_for_answers
from garrison.cluster.manager.importer import ImportRequest, import_keys
from garrison.cluster.manager.reshard import rebalance
from garrison.cluster.manager.session import (
    Session,
    demand_consent,
    find_node,
    find_primary,
    resolve,
    settled_state,
)


async def create(
    session: Session,
    nodes: Sequence[Address],
    replicas: int,
    *,
    wait_s: float = 0.0,
    unless_formed: bool = False,
) -> doc.CreateReport:
    """Form a cluster of ``nodes`` and wait until it serves; with ``unless_formed`` if they are none yet."""
    started = time.monotonic()
    if wait_s:
        await wait_for_answers(nodes, session.access, wait_s)
    if unless_formed and await are_formed(nodes, session.access):
        session.note("the nodes form one cluster already: nothing to do")
        return doc.CreateReport(command="create", dry_run=session.dry_run, shards=[], warnings=[])
    plan = plan_creation(await resolve(nodes), replicas)
    shards = doc.describe_plan(plan)
    report = doc.CreateReport(
        command="create", dry_run=session.dry_run, shards=shards, warnings=list(plan.warnings)
    )
    if session.dry_run:
        return report
    lines = [
        f"{shard.primary}  slots {shard.slots}  replicas {', '.join(shard.replicas) or 'none'}"
        for shard in shards
    ]
    demand_consent(session, [*lines, *(f"warning: {text}" for text in plan.warnings)])
    await form(plan, session.access, session.note)
    report.seconds = time.monotonic() - started
    return report


async def info(session: Session, entry: Address) -> doc.InfoDocument:
    async with session.admin(entry) as admin:
        return doc.describe_info(await admin.cluster_state())


async def check(
    session: Session, entry: Address, *, search_multiple_owners: bool = True
) -> doc.CheckDocument:
    async with session.admin(entry) as admin:
        state = await settled_state(admin)
        findings = core_check.check(state, search_multiple_owners=search_multiple_owners)
        return doc.describe_check(state, findings)


async def add_node(
    session: Session, new: Address, entry: Address, *, replica: bool = False, primary: str | None = None
) -> doc.MemberReport:
    async with session.admin(entry) as admin:
        state = await admin.cluster_state()
        new = (await resolve([new]))[0]
        chosen: Node | None = None
        if primary is not None:
            chosen = find_primary(session, state, primary)
        elif replica:
            chosen = members.choose_primary(state, new)
        report = doc.MemberReport(
            command="add-node",
            dry_run=session.dry_run,
            node_id="",
            address=str(new),
            primary=chosen.label if chosen else None,
        )
        if not session.dry_run:
            report.node_id = await members.add_node(admin, state, new, chosen, session.note)
        return report


async def del_node(session: Session, entry: Address, name: str, *, drain: bool = False) -> doc.MemberReport:
    async with session.admin(entry) as admin:
        node = find_node(session, await admin.cluster_state(), name)
    if drain and not session.dry_run and node.is_primary:
        await rebalance(session, entry, {node.id: 0.0}, threshold_percent=0)
    async with session.admin(entry) as admin:
        state = await settled_state(admin)
        report = doc.MemberReport(
            command="del-node", dry_run=session.dry_run, node_id=node.id, address=str(node.address)
        )
        if not session.dry_run:
            await members.remove_node(admin, state, state.nodes[node.id], session.note)
        return report


async def call(
    session: Session, entry: Address, command: Sequence[str], *, primaries: bool = True, replicas: bool = True
) -> doc.CallReport:
    """Send one command to every node; ``ok`` is false if any refuses it."""
    async with session.admin(entry) as admin:
        state = await admin.cluster_state()
        wanted = [node for node in state.nodes.values() if (primaries if node.is_primary else replicas)]

        async def ask(node: Node) -> doc.ReplyDocument:
            try:
                reply = (await admin.call_many(node.address, [command]))[0]
            except ManagerError as error:
                return doc.ReplyDocument(address=str(node.address), error=str(error))
            if isinstance(reply, ReplyError):
                return doc.ReplyDocument(address=str(node.address), error=str(reply))
            return doc.ReplyDocument(address=str(node.address), reply=_plain(reply))

        replies = await asyncio.gather(*map(ask, wanted))
    return doc.CallReport(command="call", ok=not any(each.error for each in replies), replies=list(replies))


async def set_timeout(session: Session, entry: Address, milliseconds: int) -> doc.CallReport:
    """Set cluster-node-timeout on every node and write it to the configuration files."""
    if milliseconds < 100:
        raise UsageProblem(f"a node timeout of {milliseconds} ms is too short; give 100 or more")
    report = await call(session, entry, ("CONFIG", "SET", "cluster-node-timeout", str(milliseconds)))
    report.command = "set-timeout"
    if report.ok:
        rewritten = await call(session, entry, ("CONFIG", "REWRITE"))
        refused = {each.error for each in rewritten.replies if each.error}
        for error in sorted(refused):
            where = ", ".join(each.address for each in rewritten.replies if each.error == error)
            session.note(f"set, but not written to a file by {where}: {error}")
    return report


async def import_(session: Session, entry: Address, request: ImportRequest) -> doc.ImportReport:
    """Bring the keys of a standalone server into the cluster."""
    started = time.monotonic()
    async with session.admin(entry) as admin:
        state = await settled_state(admin)
        result = await import_keys(
            admin, state, request, session.options, session.display, dry_run=session.dry_run
        )
    return doc.ImportReport(
        command="import",
        dry_run=session.dry_run,
        keys=result.meter.keys_moved,
        types=dict(result.types),
        left_count=result.left_count,
        left=[doc.LeftKeyDocument(key=str(_plain(each.key)), reason=each.reason) for each in result.left],
        seconds=round(time.monotonic() - started, 3),
    )


async def backup(
    session: Session, entry: Address, directory: Path, *, overwrite: bool = False
) -> doc.BackupReport:
    """Save every primary's data as an RDB file."""
    started = time.monotonic()
    demand_new(directory, overwrite=overwrite)
    async with session.admin(entry) as admin:
        saved = await back_up(await settled_state(admin), session.access, directory)
    files = [doc.FileDocument(node=each.node.label, path=str(each.path), bytes=each.bytes) for each in saved]
    return doc.BackupReport(command="backup", files=files, seconds=round(time.monotonic() - started, 3))


def _plain(reply: object) -> object:
    """A reply without bytes, for JSON."""
    if isinstance(reply, bytes):
        return reply.decode(errors="backslashreplace")
    if isinstance(reply, list | tuple | set):
        return [_plain(item) for item in reply]
    if isinstance(reply, dict):
        return {str(_plain(key)): _plain(value) for key, value in reply.items()}
    return reply
