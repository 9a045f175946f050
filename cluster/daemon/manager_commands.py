"""What each command of `garrison manager` asks and shows."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from rich.console import Console

from garrison.cluster.cli_options import Shared, parse_address
from garrison.cluster.core.manager.jobs import AuditEntry, Job, Plan
from garrison.cluster.core.manager.status import ManagerStatus
from garrison.cluster.daemon import manager_render as render
from garrison.cluster.daemon.manager_calls import Manager, RemoteManager, brief_manager
from garrison.cluster.errors import ManagerError, UsageProblem
from garrison.cluster.manager.admin_client import Access
from garrison.cluster.manager_token import find_token
from garrison.cluster.render import make_console

if TYPE_CHECKING:
    from garrison.cluster.daemon.manager_cli import Where

FILE_BYTES_MAX = 1 << 20
Show = Callable[[Console], None]
Work = Callable[[Manager, Callable[[Show], None]], Awaitable[Any]]
"""Asks a manager; shows what must be seen before a question; returns the document and how it is shown."""


def run_work(shared: Shared, where: "Where", work: Work) -> None:
    """Find the manager, ask it, print one document. ManagerError."""
    console = make_console()

    def show(lines: Show) -> None:
        lines(make_console(stderr=True) if shared.json else console)

    async def ask() -> Any:
        async with _manager(shared, where) as manager:
            return await work(manager, show)

    document, lines = asyncio.run(ask())
    if shared.json:
        print(json.dumps(document, indent=2))
    else:
        lines(console)


@contextlib.asynccontextmanager
async def _manager(shared: Shared, where: "Where") -> AsyncIterator[Manager]:
    if where.manager:
        if where.nodes:
            raise UsageProblem("give --manager or --node, not both")
        token = find_token(where.token_file)
        yield RemoteManager(where.manager, token, shared.tls, shared.timeout_s)
        return
    if not where.nodes:
        raise UsageProblem(
            "say whom to ask: --manager URL (or the variable GARRISON_MANAGER), or --node HOST:PORT where no "
            "manager runs"
        )
    access = Access(shared.username, shared.password, shared.tls, shared.timeout_s, shared.address_map)
    entries = [parse_address(node) for node in where.nodes]
    async with brief_manager(entries, access, where.records) as manager:
        yield manager


def _read_file(path: Path) -> tuple[bytes, str]:
    """A desired state and its media type."""
    try:
        with path.open("rb") as file:
            body = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageProblem(f"cannot read {path}: {error.strerror}") from error
    if len(body) > FILE_BYTES_MAX:
        raise UsageProblem(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    return body, "application/json" if path.suffix == ".json" else "application/yaml"


def plan(file: Path | None) -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        if file is None:
            document = (await manager.call("GET", "/api/plan")).document()
        else:
            document = (await manager.call("PUT", "/api/desired?dry_run=1", *_read_file(file))).document()
        return document, lambda console: render.show_plan(Plan.model_validate(document), console)

    return work


def apply(file: Path, confirm: Callable[[], bool]) -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        body, media_type = _read_file(file)
        document = (await manager.call("PUT", "/api/desired?dry_run=1", body, media_type)).document()
        show(lambda console: render.show_plan(Plan.model_validate(document), console))
        _demand(confirm)
        stored = Plan.model_validate((await manager.call("PUT", "/api/desired", body, media_type)).document())
        return stored.model_dump(mode="json"), lambda console: render.show_stored(stored, console)

    return work


def status() -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        return _status((await manager.call("GET", "/api/status")).document())

    return work


def change(path: str) -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        return _status((await manager.call("POST", path)).document())

    return work


def undo() -> Work:
    """Take back what is newest, and show the line of the history that says what it was."""

    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        document = (await manager.call("POST", "/api/undo")).document()
        _, lines = await history(1, "undo")(manager, show)
        return document, lines

    return work


def _status(document: Any) -> Any:
    return document, lambda console: render.show_status(ManagerStatus.model_validate(document), console)


def history(limit: int, find: str) -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        query = urlencode({"limit": limit, "find": find})
        document = (await manager.call("GET", f"/api/audit?{query}")).document()
        entries = [AuditEntry.model_validate(each) for each in document]
        return document, lambda console: render.show_history(entries, console)

    return work


def jobs(job_id: str | None) -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        if job_id is not None:
            return _job((await manager.call("GET", f"/api/jobs/{quote(job_id, safe='')}")).document())
        document = (await manager.call("GET", "/api/jobs")).document()
        found = [Job.model_validate(each) for each in document]
        return document, lambda console: render.show_jobs(found, console)

    return work


def change_job(job_id: str, what: str) -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        return _job((await manager.call("POST", f"/api/jobs/{quote(job_id, safe='')}/{what}")).document())

    return work


def _job(document: Any) -> Any:
    return document, lambda console: render.show_job(Job.model_validate(document), console)


def consent(plan_id: str) -> Work:
    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        document = (await manager.call("POST", f"/api/plan/{quote(plan_id, safe='')}/consent")).document()
        return document, lambda console: console.print("the plan is carried out; 'jobs' shows how far it is")

    return work


def move(source: str, target: str, slots: str, confirm: Callable[[], bool] | None) -> Work:
    """Plan a reshard and, if `confirm` says so, consent to it; without `confirm` show it only."""

    async def work(manager: Manager, show: Callable[[Show], None]) -> Any:
        body = json.dumps({"moves": [{"source": source, "target": target, "slots": slots}]}).encode()
        document = (await manager.call("POST", "/api/reshard", body)).document()
        offered = Plan.model_validate(document)
        if confirm is None:
            return document, lambda console: render.show_plan(offered, console)
        show(lambda console: render.show_plan(offered, console))
        _demand(confirm)
        return await consent(offered.id)(manager, show)

    return work


def _demand(confirm: Callable[[], bool]) -> None:
    if not confirm():
        raise ManagerError("nothing was done")
