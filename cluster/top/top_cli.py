"""``garrison top``: the live picture in a terminal."""

import asyncio
import sys
from collections.abc import Sequence

import typer

from garrison.base.command_line import run_app
from garrison.base.login_options import AddressMapPairs, AskPassword, Password, PasswordFile, User
from garrison.base.plain_help import PlainApp
from garrison.cluster.top.source_options import (
    Asked,
    CaCert,
    Cert,
    Entry,
    Insecure,
    Key,
    Manager,
    Tls,
    TokenFile,
    choose_source,
)

app = PlainApp()


@app.command()
def top(
    entry: Entry = "",
    manager: Manager = None,
    token_file: TokenFile = None,
    password: Password = None,
    password_file: PasswordFile = None,
    askpass: AskPassword = False,
    user: User = None,
    address_map: AddressMapPairs = None,
    tls: Tls = False,
    cacert: CaCert = None,
    cert: Cert = None,
    key: Key = None,
    insecure: Insecure = False,
) -> None:
    """Show nodes, slots, jobs and events live, by keyboard; '?' lists the keys, 'q' leaves."""
    asked = Asked(
        entry,
        manager,
        token_file,
        password,
        password_file,
        askpass,
        user,
        address_map,
        tls,
        cacert,
        cert,
        key,
        insecure,
    )
    source = choose_source(asked)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("garrison top: it needs a terminal; 'garrison status' prints one screen", file=sys.stderr)
        raise typer.Exit(2)
    from garrison.cluster.top.top_app import TopApp

    asyncio.run(TopApp(source).run_async())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    return run_app(app, "garrison top", arguments)
