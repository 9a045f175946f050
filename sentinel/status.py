"""``garrison sentinel status``: what the Sentinels see, and why they act or do not.

It asks one Sentinel for everything (SENTINEL STATUS) and the others whether they agree on the primary, so
that a Sentinel that is behind is seen too.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from garrison.base.address_map import read_address_map
from garrison.base.command_line import run_app
from garrison.base.endpoint import Endpoint, parse_endpoint
from garrison.base.login_options import (
    PASSWORD_VARIABLE,
    AddressMapPairs,
    AskPassword,
    Password,
    PasswordFile,
    User,
    find_password,
)
from garrison.base.plain_help import PlainApp

DEFAULT_PORT = 26379
OUR_SENTINEL = f"127.0.0.1:{os.environ.get('GARRISON_PORT') or DEFAULT_PORT}"
"""The Sentinel of this machine, or of this container, whose port the environment names."""
TIMEOUT_S = 3.0
PASSWORD_VARIABLES = ("GARRISON_SENTINEL_PASSWORD", PASSWORD_VARIABLE)
"""Sentinels may have a password of their own."""

app = PlainApp()


Translator = Callable[[Any], Any]


class Login(NamedTuple):
    """How to log in to every Sentinel, and where it is reached from here."""

    user: str | None
    password: str | None
    translate: Translator


class StatusError(Exception):
    """Why there is nothing to show."""


@app.command()
def status(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Only this primary.", show_default=False)] = "",
    sentinel: Annotated[
        str,
        typer.Option(
            "--sentinel",
            "-s",
            metavar="HOST:PORT",
            help="Any Sentinel; also a port of this machine, or redis://...",
        ),
    ] = OUR_SENTINEL,
    password: Password = None,
    password_file: PasswordFile = None,
    askpass: AskPassword = False,
    user: User = None,
    address_map: AddressMapPairs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
    watch: Annotated[
        float, typer.Option(metavar="SECONDS", help="Show it again at this interval.", min=0.0)
    ] = 0.0,
) -> None:
    """Show primaries, replicas and Sentinels, with the reason for what is or is not being done."""
    from garrison.client.nodes import translator

    found = find_password(password, password_file, ask=askpass, variables=PASSWORD_VARIABLES)
    try:
        endpoint = parse_endpoint(sentinel, DEFAULT_PORT)
        if endpoint.tls:
            raise ValueError(f"{endpoint}: a Sentinel does not speak TLS yet")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--sentinel") from error
    login = Login(
        endpoint.username or user, endpoint.password or found, read_address_map(address_map, translator)
    )
    try:
        healthy = asyncio.run(_show(name, endpoint, login, as_json, watch))
    except StatusError as error:
        print(f"garrison sentinel status: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    raise typer.Exit(0 if healthy else 1)


async def _show(name: str, sentinel: Endpoint, login: Login, as_json: bool, watch_s: float) -> bool:
    while True:
        picture = await ask(sentinel.host, sentinel.port, name, login)
        healthy = all(primary["state"] == "up" for primary in picture["primaries"])
        if as_json:
            print(json.dumps(picture, indent=2), flush=True)
        else:
            _print(picture)
        if not watch_s:
            return healthy
        await asyncio.sleep(watch_s)


async def ask(host: str, port: int, name: str, login: Login) -> dict[str, Any]:
    """The picture that one Sentinel has, and beside each primary who else agrees with it.

    Raises StatusError where the Sentinel cannot be asked.
    """
    picture: dict[str, Any] = _plain(await _call(host, port, login, "SENTINEL", "STATUS", *_words(name)))
    for primary in picture["primaries"]:
        others = [(each, _reached(each["address"], login)) for each in primary["sentinels"]]
        replies = await asyncio.gather(
            *(
                _call(*where, login, "SENTINEL", "get-master-addr-by-name", primary["name"])
                for _, where in others
            ),
            return_exceptions=True,
        )
        for (each, _), reply in zip(others, replies, strict=True):
            each["names"] = _named(reply)
    return picture


def _reached(announced: str, login: Login) -> tuple[str, int]:
    """Where another Sentinel is reached from here."""
    from garrison.client.core.topology import Address

    endpoint = parse_endpoint(announced)
    host, port = login.translate(Address(endpoint.host, endpoint.port))
    return host, port


def _words(name: str) -> tuple[str, ...]:
    return (name,) if name else ()


def _named(reply: Any) -> str:
    if isinstance(reply, BaseException):
        return f"(no answer: {reply})"
    if not reply:
        return "(it does not watch this primary)"
    return ":".join(_plain(reply))


async def _call(host: str, port: int, login: Login, *words: str) -> Any:
    from garrison.client import ClientError, ReplyError, open_connection

    try:
        async with asyncio.timeout(TIMEOUT_S):
            connection = await open_connection(
                host, port, username=login.user, password=login.password, protocol=3
            )
            try:
                return await connection.call(*words)
            finally:
                await connection.close()
    except ReplyError as error:
        if "unknown subcommand" in str(error):
            raise StatusError(
                f"{host}:{port} is not a Garrison Sentinel: it does not know SENTINEL STATUS"
            ) from error
        raise StatusError(f"{host}:{port}: {error}") from error
    except (ClientError, TimeoutError, OSError) as error:
        raise StatusError(f"no Sentinel answers at {host}:{port}: {error or 'timeout'}") from error


def _plain(value: Any) -> Any:
    """Replies as JSON has them: texts, numbers, lists, maps."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


_COLOURS = {"up": "green", "suspected": "yellow", "failing over": "yellow", "down": "red"}


def _print(picture: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(f"Sentinel {picture['id']}, epoch {picture['epoch']}")
    for primary in picture["primaries"]:
        colour = _COLOURS.get(primary["state"], "red")
        console.print(
            f"\n[bold]{primary['name']}[/] at {primary['address']}: [{colour}]{primary['state']}[/]"
            f" (quorum {primary['quorum']}, majority {primary['majority']}, "
            f"configuration epoch {primary['config_epoch']})"
        )
        console.print(f"  {primary['reason']}", markup=False)
        if primary["last_failover"]:
            console.print(f"  last failover: {primary['last_failover']}", markup=False)
        table = Table(box=None, pad_edge=True)
        for title in ("", "address", "state", "detail"):
            table.add_column(title, overflow="fold")
        for replica in primary["replicas"]:
            behind = f"{replica['behind_bytes']:,} bytes behind"
            link = "refuses its primary's history" if replica["refuses"] else f"link {replica['link']}"
            detail = f"{link}, {behind}, priority {replica['priority']}"
            why = f"; not fit: {replica['reason']}" if replica["reason"] else ""
            table.add_row("replica", replica["address"], replica["state"], detail + why)
        for other in primary["sentinels"]:
            agrees = other["names"] == primary["address"]
            detail = "agrees" if agrees else f"names {other['names']}"
            why = f"; {other['reason']}" if other["reason"] else ""
            table.add_row("sentinel", other["address"], other["state"], detail + why)
        console.print(table)


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 all up, 1 not all, 2 nothing to show."""
    return run_app(app, "garrison sentinel status", arguments)
