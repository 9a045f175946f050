"""``garrison manager``: run a manager, and ask one.

Exit codes: those of ``garrison cluster``. This module defines the words of the command line only.
"""

from pathlib import Path
from typing import Annotated

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
from garrison.cluster.cli_options import Shared, parse_address, parse_address_map, tls_context
from garrison.cluster.cli_running import fail

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
        )
    except ManagerError as error:
        fail(context, str(error), error.exit_code)


def main(arguments: list[str] | None = None) -> int:
    """Run one command line of the manager and return its exit code."""
    from garrison.base.command_line import run_app

    return run_app(app, "garrison manager", arguments)
