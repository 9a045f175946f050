"""``garrison manager``: run a manager, and ask one.

Exit codes: those of ``garrison cluster``. This module defines the words of the command line only.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from garrison.base.plain_help import PlainApp
from garrison.cluster.admin_group import AdminGroup
from garrison.cluster.cli_options import (
    SENTINEL_PASSWORD_VARIABLE,
    DryRun,
    Shared,
    SharedOptions,
    Yes,
    parse_address,
)
from garrison.cluster.cli_running import fail
from garrison.cluster.manager_token import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE
from garrison.cluster.option_groups import with_groups

if TYPE_CHECKING:
    from garrison.cluster.daemon.manager_commands import Work

ManagerUrl = Annotated[
    str | None,
    typer.Option("--manager", metavar="URL", envvar="GARRISON_MANAGER", help="Ask this manager."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        envvar=TOKEN_FILE_VARIABLE,
        help=f"File with a token, as that of 'run'; else the variable {TOKEN_VARIABLE}.",
    ),
]
NodeAddresses = Annotated[
    list[str] | None,
    typer.Option("--node", metavar="HOST:PORT", help="Without a manager: any node of the cluster."),
]
RecordsFile = Annotated[
    Path | None,
    typer.Option("--records", metavar="FILE", help="With --node: where the records are kept, if in a file."),
]


@dataclass(frozen=True)
class Where:
    """Whom a command asks: a manager by URL, or the nodes themselves."""

    manager: ManagerUrl = None
    token_file: TokenFile = None
    nodes: NodeAddresses = None
    records: RecordsFile = None


app = PlainApp(
    name="manager",
    cls=AdminGroup,
    help="Watch, plan and act: keep a cluster as a desired state says. 'run' is the process; the other "
    "commands ask it over HTTP, or work on the nodes where there is none.",
    epilog="Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 unreachable, 4 stopped.",
    no_args_is_help=True,
)


@app.callback()
@with_groups
def shared_options(context: typer.Context, options: SharedOptions) -> None:
    context.obj = options.read()


@app.command()
def run(
    context: typer.Context,
    nodes: Annotated[
        list[str], typer.Argument(metavar="HOST:PORT", help="Nodes of the cluster.", show_default=False)
    ],
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where page and API are served.")
    ] = "127.0.0.1:7380",
    advertise: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where other machines reach that.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--id", metavar="NAME", help="This manager's name; the host's if not given.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tokens that may act: TOKEN or NAME TOKEN a line; else the variable GARRISON_MANAGER_TOKEN.",
        ),
    ] = None,
    read_token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Tokens that may only read; else GARRISON_MANAGER_READ_TOKEN."),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate of page and API.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key.")] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the records here and work alone: for nodes without CLUSTER MANAGER."
        ),
    ] = None,
    watch_only: Annotated[
        bool, typer.Option("--watch-only", help="Show, and never lead, store or act.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further host name by which page and API may be called."),
    ] = None,
    lease_ms: Annotated[
        int, typer.Option(metavar="MILLISECONDS", help="How long a granted lease holds.", min=300)
    ] = 9_000,
) -> None:
    """Run a manager until SIGTERM or Ctrl-C. Several may run; one leads."""
    from garrison.cluster.daemon import run_command
    from garrison.cluster.errors import ManagerError
    from garrison.cluster.manager.admin_client import Access

    shared: Shared = context.obj
    try:
        run_command.run(
            [parse_address(node) for node in nodes],
            Access(shared.username, shared.password, shared.tls, shared.timeout_s, shared.address_map),
            listen=parse_address(listen),
            advertise=parse_address(advertise) if advertise else None,
            name=name,
            tokens=run_command.read_all_tokens(token_file, read_token_file, os.environ),
            tls=run_command.server_tls(tls_cert, tls_key),
            records=records,
            watch_only=watch_only,
            allow_hosts=allow_host or [],
            lease_ms=lease_ms,
            sentinel_password=os.environ.get(SENTINEL_PASSWORD_VARIABLE),
        )
    except ManagerError as error:
        fail(context, str(error), error.exit_code)


@app.command()
@with_groups
def plan(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A desired state; the stored one if not given.", show_default=False
        ),
    ] = None,
    *,
    where: Where,
) -> None:
    """Show what the manager would do now, or with the desired state in FILE. Nothing is stored."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.plan(file))


@app.command()
@with_groups
def apply(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The desired state: YAML or JSON.", show_default=False)
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
    *,
    where: Where,
) -> None:
    """Store a desired state after showing what it leads to."""
    from garrison.cluster.daemon import manager_commands as commands

    work = commands.plan(file) if dry_run else commands.apply(file, _confirm(context, yes=yes))
    _run(context, where, work)


@app.command()
@with_groups
def status(
    context: typer.Context,
    *,
    where: Where,
) -> None:
    """Show who leads, the mode, and why nothing is done if nothing is."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.status())


@app.command()
@with_groups
def pause(
    context: typer.Context,
    *,
    where: Where,
) -> None:
    """Let managers begin nothing; a step under way ends at the next safe moment."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.change("/api/pause"))


@app.command()
@with_groups
def resume(
    context: typer.Context,
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB", help="A job that has stopped; without it the pause ends.", show_default=False
        ),
    ] = None,
    *,
    where: Where,
) -> None:
    """End a pause, or go on with a job."""
    from garrison.cluster.daemon import manager_commands as commands

    work = commands.change("/api/resume") if job is None else commands.change_job(job, "resume")
    _run(context, where, work)


@app.command()
@with_groups
def undo(
    context: typer.Context,
    *,
    where: Where,
) -> None:
    """Take back the newest desired state or reshard."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.undo())


@app.command()
@with_groups
def recover(
    context: typer.Context,
    empty: Annotated[
        bool, typer.Option("--empty", help="Begin with empty records: no desired state, jobs or history.")
    ] = False,
    *,
    where: Where,
) -> None:
    """Go on with the newest records that can be read, when those of a majority are damaged."""
    from garrison.cluster.daemon import manager_commands as commands

    work = commands.change("/api/records/start-anew" if empty else "/api/records/adopt")
    _run(context, where, work)


@app.command()
@with_groups
def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option(metavar="COUNT", help="How many lines.", min=1, max=1000)] = 50,
    find: Annotated[
        str,
        typer.Option(
            metavar="WORDS", help="Only those in which all of these words occur.", show_default=False
        ),
    ] = "",
    *,
    where: Where,
) -> None:
    """Show who has asked for what, what it led to, and how jobs ended; the newest first."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.history(limit, find))


@app.command()
@with_groups
def jobs(
    context: typer.Context,
    job: Annotated[
        str | None, typer.Argument(metavar="JOB", help="One job with its steps.", show_default=False)
    ] = None,
    *,
    where: Where,
) -> None:
    """Show open jobs and the newest ended ones, or one with its steps."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.jobs(job))


@app.command()
@with_groups
def stop(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="JOB", help="As 'jobs' names it.", show_default=False)],
    *,
    where: Where,
) -> None:
    """Stop a job at the next safe moment."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.change_job(job, "stop"))


@app.command()
@with_groups
def consent(
    context: typer.Context,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN", help="As 'plan' names it.", show_default=False)],
    *,
    where: Where,
) -> None:
    """Carry out a plan that was shown, also in the mode dry-run."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, where, commands.consent(plan_id))


@app.command()
@with_groups
def move(
    context: typer.Context,
    slots: Annotated[str, typer.Argument(metavar="RANGES", help="As 0-99,205.", show_default=False)],
    source: Annotated[str, typer.Option("--from", metavar="NODE", help="The primary that owns them.")],
    target: Annotated[str, typer.Option("--to", metavar="NODE", help="The primary that gets them.")],
    yes: Yes = False,
    dry_run: DryRun = False,
    *,
    where: Where,
) -> None:
    """Let the manager move slots between primaries; the job goes on whoever dies."""
    from garrison.cluster.daemon import manager_commands as commands

    confirm = None if dry_run else _confirm(context, yes=yes)
    work = commands.move(source, target, slots, confirm)
    _run(context, where, work)


def _confirm(context: typer.Context, *, yes: bool) -> Callable[[], bool]:
    def ask() -> bool:
        if yes:
            return True
        if context.obj.json or not sys.stdin.isatty():
            fail(context, "add --yes to carry out the plan, or --dry-run to see it only", 2)
        return typer.confirm("Do it?")

    return ask


def _run(context: typer.Context, where: Where, work: "Work") -> NoReturn:
    from garrison.cluster.daemon.manager_commands import run_work
    from garrison.cluster.errors import ManagerError

    source = context.get_parameter_source("manager")
    if where.nodes and source is not None and source.name == "ENVIRONMENT":
        where = replace(where, manager=None)
    try:
        run_work(context.obj, where, work)
    except ManagerError as error:
        fail(context, str(error), error.exit_code)
    raise typer.Exit(0)


def main(arguments: list[str] | None = None) -> int:
    """Run one command line of the manager and return its exit code."""
    from garrison.base.command_line import run_app

    return run_app(app, "garrison manager", arguments)
