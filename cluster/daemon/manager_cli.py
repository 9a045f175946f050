"""``garrison manager``: run a manager, and ask one.

Exit codes: those of ``garrison cluster``. This module defines the words of the command line only.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from garrison.base.login_options import (
    AddressMapPairs,
    AskPassword,
    Password,
    PasswordFile,
    User,
    find_password,
)
from garrison.base.plain_help import PlainApp
from garrison.cluster.cli_options import (
    SENTINEL_PASSWORD_VARIABLE,
    DryRun,
    Shared,
    Yes,
    parse_address,
    parse_address_map,
    tls_context,
)
from garrison.cluster.cli_running import fail

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
        envvar="GARRISON_MANAGER_TOKEN_FILE",
        help="Its first line is the token.",
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

    manager: str | None
    token_file: Path | None
    nodes: list[str] | None
    records: Path | None


app = PlainApp(
    name="manager",
    help="Watch, plan and act: keep a cluster as a desired state says. 'run' is the process; the other "
    "commands ask it over HTTP, or work on the nodes where there is none.",
    epilog="Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 unreachable, 4 stopped.",
    no_args_is_help=True,
)


@app.callback()
def shared_options(
    context: typer.Context,
    password: Password = None,
    password_file: PasswordFile = None,
    askpass: AskPassword = False,
    user: User = None,
    address_map: AddressMapPairs = None,
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS to the nodes.")] = False,
    cacert: Annotated[
        str | None, typer.Option(metavar="FILE", help="The certificate authorities to trust.")
    ] = None,
    cert: Annotated[str | None, typer.Option(metavar="FILE", help="Client certificate.")] = None,
    key: Annotated[str | None, typer.Option(metavar="FILE", help="Client key.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not verify certificates.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for a node.")] = 5.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")
    ] = False,
) -> None:
    found = find_password(password, password_file, ask=askpass)
    secured = tls_context(cacert, cert, key, insecure) if tls else None
    context.obj = Shared(user, found, secured, timeout, json, parse_address_map(address_map))


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
        Path | None, typer.Option(metavar="FILE", help="Tokens that may act: TOKEN or NAME TOKEN a line.")
    ] = None,
    read_token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tokens that may only read.")
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
            tokens=run_command.read_all_tokens(token_file, read_token_file),
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
def plan(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A desired state; the stored one if not given.", show_default=False
        ),
    ] = None,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Show what the manager would do now, or with the desired state in FILE. Nothing is stored."""
    from garrison.cluster.daemon import manager_commands as commands

    where = Where(manager, token_file, node, records)
    _run(context, where, commands.plan(file))


@app.command()
def apply(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The desired state: YAML or JSON.", show_default=False)
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Store a desired state after showing what it leads to."""
    from garrison.cluster.daemon import manager_commands as commands

    where = Where(manager, token_file, node, records)
    work = commands.plan(file) if dry_run else commands.apply(file, _confirm(context, yes=yes))
    _run(context, where, work)


@app.command()
def status(
    context: typer.Context,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Show who leads, the mode, and why nothing is done if nothing is."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, Where(manager, token_file, node, records), commands.status())


@app.command()
def pause(
    context: typer.Context,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Let managers begin nothing; a step under way ends at the next safe moment."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, Where(manager, token_file, node, records), commands.change("/api/pause"))


@app.command()
def resume(
    context: typer.Context,
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB", help="A job that has stopped; without it the pause ends.", show_default=False
        ),
    ] = None,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """End a pause, or go on with a job."""
    from garrison.cluster.daemon import manager_commands as commands

    work = commands.change("/api/resume") if job is None else commands.change_job(job, "resume")
    _run(context, Where(manager, token_file, node, records), work)


@app.command()
def undo(
    context: typer.Context,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Take back the newest desired state or reshard."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, Where(manager, token_file, node, records), commands.change("/api/undo"))


@app.command()
def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option(metavar="COUNT", help="How many lines.", min=1, max=1000)] = 50,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Show who has asked for what, the newest first."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, Where(manager, token_file, node, records), commands.history(limit))


@app.command()
def jobs(
    context: typer.Context,
    job: Annotated[
        str | None, typer.Argument(metavar="JOB", help="One job with its steps.", show_default=False)
    ] = None,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Show open jobs and the newest ended ones, or one with its steps."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, Where(manager, token_file, node, records), commands.jobs(job))


@app.command()
def stop(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="JOB", help="As 'jobs' names it.", show_default=False)],
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Stop a job at the next safe moment."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, Where(manager, token_file, node, records), commands.change_job(job, "stop"))


@app.command()
def consent(
    context: typer.Context,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN", help="As 'plan' names it.", show_default=False)],
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Carry out a plan that was shown, also in the mode dry-run."""
    from garrison.cluster.daemon import manager_commands as commands

    _run(context, Where(manager, token_file, node, records), commands.consent(plan_id))


@app.command()
def move(
    context: typer.Context,
    slots: Annotated[str, typer.Argument(metavar="RANGES", help="As 0-99,205.", show_default=False)],
    source: Annotated[str, typer.Option("--from", metavar="ID", help="The primary that owns them.")],
    target: Annotated[str, typer.Option("--to", metavar="ID", help="The primary that gets them.")],
    yes: Yes = False,
    dry_run: DryRun = False,
    manager: ManagerUrl = None,
    token_file: TokenFile = None,
    node: NodeAddresses = None,
    records: RecordsFile = None,
) -> None:
    """Let the manager move slots between primaries; the job goes on whoever dies."""
    from garrison.cluster.daemon import manager_commands as commands

    confirm = None if dry_run else _confirm(context, yes=yes)
    work = commands.move(source, target, slots, confirm)
    _run(context, Where(manager, token_file, node, records), work)


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

    try:
        run_work(context.obj, where, work)
    except ManagerError as error:
        fail(context, str(error), error.exit_code)
    raise typer.Exit(0)


def main(arguments: list[str] | None = None) -> int:
    """Run one command line of the manager and return its exit code."""
    from garrison.base.command_line import run_app

    return run_app(app, "garrison manager", arguments)
