"""The options by which `garrison top` and `garrison status` are told whom to ask."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from garrison.cluster.cli_options import SENTINEL_PASSWORD_VARIABLE, LoginOptions
from garrison.cluster.errors import UsageProblem
from garrison.cluster.manager_token import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, find_token

if TYPE_CHECKING:
    from garrison.cluster.top.picture_sources import PictureSource

DEFAULT_PORT = 6379
MANAGER_VARIABLE = "GARRISON_MANAGER"

Entry = Annotated[
    str,
    typer.Argument(
        metavar="HOST:PORT",
        help="Any node of a cluster, a Sentinel, or a single server; also a port of this machine, or "
        "redis://... If not given: the manager, else the port that GARRISON_PORT names, or 6379.",
        show_default=False,
    ),
]
Manager = Annotated[
    str | None,
    typer.Option(
        "--manager",
        metavar="URL",
        help=f"Ask this manager instead of the nodes; the variable {MANAGER_VARIABLE} if not given.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        envvar=TOKEN_FILE_VARIABLE,
        help=f"File with the manager's token in its first line; else the variable {TOKEN_VARIABLE}.",
    ),
]


@dataclass(frozen=True)
class Asked:
    """The words of the command line that say whom to ask."""

    entry: Entry = ""
    manager: Manager = None
    token_file: TokenFile = None


NO_LOGIN = LoginOptions()


def choose_source(asked: Asked, login: LoginOptions = NO_LOGIN) -> "PictureSource":
    """The manager where one is named, else the nodes. Raises typer.BadParameter."""
    manager = asked.manager or (None if asked.entry else os.environ.get(MANAGER_VARIABLE))
    if not manager:
        return _nodes(asked.entry, login)
    if asked.entry:
        raise typer.BadParameter("name either a node or a manager, not both", param_hint="--manager")
    from garrison.cluster.top.picture_sources import ManagerSource

    tls = login.make_tls(wanted=manager.startswith("https://"))
    try:
        return ManagerSource(manager, _token(asked.token_file), tls)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--manager") from error


def _token(file: Path | None) -> str | None:
    try:
        return find_token(file) or None
    except UsageProblem as error:
        raise typer.BadParameter(str(error), param_hint="--token-file") from error


def _nodes(entry: str, login: LoginOptions) -> "PictureSource":
    from garrison.base.endpoint import THIS_MACHINE, parse_endpoint
    from garrison.cluster.core.topology import Address
    from garrison.cluster.manager.admin_client import Access
    from garrison.cluster.top.node_source import NodeSource

    text = entry or f"{THIS_MACHINE}:{os.environ.get('GARRISON_PORT') or DEFAULT_PORT}"
    try:
        endpoint = parse_endpoint(text, DEFAULT_PORT)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="HOST:PORT") from error
    found = login.find_password()
    access = Access(
        username=endpoint.username or login.user,
        password=endpoint.password or found,
        tls=login.make_tls(wanted=login.tls or endpoint.tls),
        address_map=login.read_address_map(),
    )
    sentinel_password = os.environ.get(SENTINEL_PASSWORD_VARIABLE)
    return NodeSource(Address(endpoint.host, endpoint.port), access, sentinel_password)
