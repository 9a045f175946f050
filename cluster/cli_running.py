"""How a command of the manager runs: its session, its stop by Ctrl-C, its one document, its exit code."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from garrison.cluster.cli_options import MIGRATE_TIMEOUT_MS, PIPELINE_KEYS, Shared

if TYPE_CHECKING:
    from rich.console import Console

    from garrison.cluster.documents import Document
    from garrison.cluster.manager.session import Session


def make_session(
    context: typer.Context,
    *,
    yes: bool = False,
    dry_run: bool = False,
    replace: bool = False,
    timeout_ms: int = MIGRATE_TIMEOUT_MS,
    keys_max: int = PIPELINE_KEYS,
    plan_file: Path | None = None,
) -> "Session":
    from garrison.cluster.manager.admin_client import Access
    from garrison.cluster.manager.key_migration import MigrateOptions
    from garrison.cluster.manager.progress import choose_display
    from garrison.cluster.manager.session import Session

    shared: Shared = context.obj

    def confirm(lines: Sequence[str]) -> bool:
        for line in lines:
            print(line, file=sys.stderr if shared.json else sys.stdout)
        if yes:
            return True
        if shared.json or not sys.stdin.isatty():
            fail(context, "add --yes to carry out the plan, or --dry-run to see it only", 2)
        with _ctrl_c_raises():
            return typer.confirm("Do it?")

    session = Session(
        access=Access(shared.username, shared.password, shared.tls, shared.timeout_s, shared.address_map),
        display=choose_display(json=shared.json),
        confirm=confirm,
        options=MigrateOptions(timeout_ms, keys_max, replace),
        dry_run=dry_run,
        plan_file=plan_file,
    )
    shared.sessions.append(session)
    return session


@contextlib.contextmanager
def _ctrl_c_raises() -> Iterator[None]:
    """While a question waits for its answer the event loop stands still, and so would its handlers."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _until_stopped(shared: Shared, work: "Coroutine[Any, Any, Document]") -> "Document":
    """Do the work; Ctrl-C or SIGTERM ends a migration at a slot boundary, a second one at once."""
    task = asyncio.current_task()
    assert task is not None

    def interrupted() -> None:
        migrating = [each for each in shared.sessions if each.is_stoppable]
        if not migrating or any(each.stop.is_set() for each in migrating):
            task.cancel()
        for session in migrating:
            session.stop.set()
            session.note(session.stop_note)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    return await work


def run(
    context: typer.Context,
    work: "Coroutine[Any, Any, Document]",
    show: "Callable[[Document, Console], None] | None" = None,
) -> NoReturn:
    """Run a command, print its document (by ``show``, or by :func:`render`), leave with its exit code."""
    from garrison.cluster.core.creation import PlanError
    from garrison.cluster.errors import ManagerError
    from garrison.cluster.render import make_console, render

    try:
        document = asyncio.run(_until_stopped(context.obj, work))
    except PlanError as error:
        fail(context, str(error), 2)
    except ManagerError as error:
        fail(context, str(error), error.exit_code)
    except (KeyboardInterrupt, asyncio.CancelledError):
        fail(context, "stopped before anything was changed", 4)
    if context.obj.json:
        print(document.model_dump_json(indent=2))
    else:
        (show or render)(document, make_console())
    raise typer.Exit(0 if document.ok else 1)


def fail(context: typer.Context, message: str, exit_code: int) -> NoReturn:
    if context.obj.json:
        from garrison.cluster.documents import ErrorDocument

        name = context.info_name or ""
        print(ErrorDocument(command=name, error=message, exit_code=exit_code).model_dump_json(indent=2))
    else:
        print(f"{context.find_root().info_name}: {message}", file=sys.stderr)
    raise typer.Exit(exit_code)
