"""The options of `garrison cluster` that several commands have, and what they come to."""

import ssl
from dataclasses import dataclass, field
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

if TYPE_CHECKING:
    from garrison.cluster.core.topology import Address
    from garrison.cluster.manager.address_map import AddressMap
    from garrison.cluster.manager.session import Session

MIGRATE_TIMEOUT_MS = 10_000
PIPELINE_KEYS = 5_000
SENTINEL_PASSWORD_VARIABLE = "GARRISON_SENTINEL_PASSWORD"

Entry = Annotated[
    str,
    typer.Argument(
        metavar="HOST:PORT",
        help="Any node of the cluster; also a port of this machine, or redis://...",
        show_default=False,
    ),
]
Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS to the nodes.")]
CaCert = Annotated[str | None, typer.Option(metavar="FILE", help="The certificate authorities to trust.")]
Cert = Annotated[str | None, typer.Option(metavar="FILE", help="Client certificate.")]
Key = Annotated[str | None, typer.Option(metavar="FILE", help="Client key.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Do not verify certificates.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for a node.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and do nothing.")]
MigrateTimeout = Annotated[
    int, typer.Option(metavar="MILLISECONDS", help="How long MIGRATE waits for the target.", min=1)
]
Pipeline = Annotated[
    int,
    typer.Option(metavar="COUNT", help="Keys in one write at most; the size is found by measuring.", min=1),
]
Replace = Annotated[bool, typer.Option("--replace", help="Overwrite a key that differs on the target.")]
SavePlan = Annotated[
    Path | None,
    typer.Option("--save-plan", metavar="FILE", help="Store the plan as JSON before it is carried out."),
]


@dataclass(frozen=True)
class Shared:
    """The options of every command."""

    username: str | None
    password: str | None
    tls: ssl.SSLContext | None
    timeout_s: float
    json: bool
    address_map: "AddressMap"
    sessions: "list[Session]" = field(default_factory=list)
    """The sessions that a signal stops."""


@dataclass(frozen=True)
class LoginOptions:
    """The group of options that say how servers are reached. Each method raises typer.BadParameter."""

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

    def find_password(self) -> str | None:
        """The password, from the one place where it is given."""
        return find_password(self.password, self.password_file, ask=self.askpass)

    def make_tls(self, *, wanted: bool) -> ssl.SSLContext | None:
        """How TLS is spoken, where it is `wanted`."""
        return tls_context(self.cacert, self.cert, self.key, self.insecure) if wanted else None

    def read_address_map(self) -> "AddressMap":
        """Where announced addresses are reached."""
        return parse_address_map(self.address_map)


@dataclass(frozen=True)
class SharedOptions(LoginOptions):
    """The group of options that becomes :class:`Shared`."""

    timeout: Timeout = 5.0
    json: Json = False

    def read(self) -> Shared:
        """What the options come to. Raises typer.BadParameter."""
        password, tls = self.find_password(), self.make_tls(wanted=self.tls)
        return Shared(self.user, password, tls, self.timeout, self.json, self.read_address_map())


def parse_address(text: str) -> "Address":
    """An address as people write it. Raises typer.BadParameter."""
    from garrison.base.endpoint import parse_endpoint
    from garrison.cluster.core.topology import Address

    try:
        endpoint = parse_endpoint(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if endpoint.tls:
        raise typer.BadParameter(f"{endpoint} is reached without TLS here; write redis://")
    return Address(endpoint.host, endpoint.port)


def parse_address_map(pairs: list[str] | None) -> "AddressMap":
    """The option's words as a map. Raises typer.BadParameter."""
    from garrison.cluster.manager.address_map import AddressMap

    return read_address_map(pairs, AddressMap)


def parse_weight(text: str) -> tuple[str, float]:
    """``NODE=1.5``. Raises typer.BadParameter."""
    name, _, value = text.rpartition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a weight; write NODE=1.5") from error


def tls_context(cacert: str | None, cert: str | None, key: str | None, insecure: bool) -> ssl.SSLContext:
    """How TLS is spoken. Raises typer.BadParameter if a file cannot be used."""
    try:
        tls = ssl.create_default_context(cafile=cacert)
        if cert:
            tls.load_cert_chain(cert, key)
    except OSError as error:
        raise typer.BadParameter(f"cannot read the TLS files: {error}") from error
    if insecure:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls
