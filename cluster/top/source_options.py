"""The options by which `garrison top` and `garrison status` are told whom to ask."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from garrison.base.address_map import read_address_map
from garrison.base.login_options import (
    AddressMapPairs,
    AskPassword,
    Password,
    PasswordFile,
    User,
    find_password,
)
from garrison.cluster.cli_options import (
    SENTINEL_PASSWORD_VARIABLE,
    CaCert,
    Cert,
    Insecure,
    Key,
    Tls,
    tls_context,
)
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
    password: Password = None
    password_file: PasswordFile = None
    askpass: AskPassword = False
    user: User = None
    address_map: AddressMapPairs = None
    tls: Tls = False
    cacert: CaCert = None
    cert: Cert = None
    key: Key = None
    insecure: Insecure = False


def choose_source(asked: Asked) -> "PictureSource":
    """The manager where one is named, else the nodes. Raises typer.BadParameter."""
    manager = asked.manager or (None if asked.entry else os.environ.get(MANAGER_VARIABLE))
    if not manager:
        return _nodes(asked)
    if asked.entry:
        raise typer.BadParameter("name either a node or a manager, not both", param_hint="--manager")
    from garrison.cluster.top.picture_sources import ManagerSource

    secured = manager.startswith("https://")
    tls = tls_context(asked.cacert, asked.cert, asked.key, asked.insecure) if secured else None
    try:
        return ManagerSource(manager, _token(asked.token_file), tls)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--manager") from error


def _token(file: Path | None) -> str | None:
    try:
        return find_token(file) or None
    except UsageProblem as error:
        raise typer.BadParameter(str(error), param_hint="--token-file") from error


def _nodes(asked: Asked) -> "PictureSource":
    from garrison.base.endpoint import THIS_MACHINE, parse_endpoint
    from garrison.cluster.core.topology import Address
    from garrison.cluster.manager.address_map import AddressMap
    from garrison.cluster.manager.admin_client import Access
    from garrison.cluster.top.node_source import NodeSource

    text = asked.entry or f"{THIS_MACHINE}:{os.environ.get('GARRISON_PORT') or DEFAULT_PORT}"
    try:
        endpoint = parse_endpoint(text, DEFAULT_PORT)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="HOST:PORT") from error
    found = find_password(asked.password, asked.password_file, ask=asked.askpass)
    secured = asked.tls or endpoint.tls
    tls = tls_context(asked.cacert, asked.cert, asked.key, asked.insecure) if secured else None
    access = Access(
        username=endpoint.username or asked.user,
        password=endpoint.password or found,
        tls=tls,
        address_map=read_address_map(asked.address_map, AddressMap),
    )
    sentinel_password = os.environ.get(SENTINEL_PASSWORD_VARIABLE)
    return NodeSource(Address(endpoint.host, endpoint.port), access, sentinel_password)
