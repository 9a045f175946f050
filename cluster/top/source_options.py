"""The options by which `garrison top` and `garrison status` are told whom to ask."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from garrison.base.address_map import read_address_map
from garrison.base.login_options import find_password
from garrison.base.password_file import read_password_file
from garrison.cluster.cli_options import SENTINEL_PASSWORD_VARIABLE, tls_context

if TYPE_CHECKING:
    from garrison.cluster.top.picture_sources import PictureSource

DEFAULT_PORT = 6379
MANAGER_VARIABLE = "GARRISON_MANAGER"
TOKEN_VARIABLE = "GARRISON_MANAGER_TOKEN"

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
    str | None,
    typer.Option(
        metavar="FILE",
        help=f"File with the manager's token in its first line; else the variable {TOKEN_VARIABLE}.",
    ),
]
Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS to the nodes.")]
CaCert = Annotated[str | None, typer.Option(metavar="FILE", help="The certificate authorities to trust.")]
Cert = Annotated[str | None, typer.Option(metavar="FILE", help="Client certificate.")]
Key = Annotated[str | None, typer.Option(metavar="FILE", help="Client key.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Do not verify certificates.")]


@dataclass(frozen=True)
class Asked:
    """The words of the command line that say whom to ask."""

    entry: str = ""
    manager: str | None = None
    token_file: str | None = None
    password: str | None = None
    password_file: str | None = None
    askpass: bool = False
    user: str | None = None
    address_map: list[str] | None = None
    tls: bool = False
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: bool = False


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


def _token(file: str | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return read_password_file(file)
    except ValueError as error:
        message = str(error).replace("password file", "token file")
        raise typer.BadParameter(message, param_hint="--token-file") from error


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
