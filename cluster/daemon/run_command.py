"""`garrison manager run`: from options to the process."""

import asyncio
import gc
import ipaddress
import logging
import os
import secrets
import socket
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from garrison.cluster.core.manager.manager_names import START_HEX_DIGITS, manager_id, shown_name
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.http_tokens import (
    READ_TOKEN_VARIABLE,
    Tokens,
    read_tokens,
    tokens_of_variable,
)
from garrison.cluster.daemon.manager_process import RunOptions, run_manager
from garrison.cluster.errors import UsageProblem
from garrison.cluster.manager.admin_client import Access
from garrison.cluster.manager_token import TOKEN_VARIABLE

GC_NEW_OBJECTS = 20_000
"""How many objects more there are before the collector looks at them."""


def read_all_tokens(act: Path | None, read: Path | None, environment: Mapping[str, str]) -> Tokens:
    """The tokens of both files; where no file is given, that of its variable.

    UsageProblem when one token is given twice.
    """
    tokens = [
        *(read_tokens(act, "act") if act else tokens_of_variable(TOKEN_VARIABLE, "act", environment)),
        *(
            read_tokens(read, "read")
            if read
            else tokens_of_variable(READ_TOKEN_VARIABLE, "read", environment)
        ),
    ]
    if len({token.digest for token in tokens}) < len(tokens):
        raise UsageProblem(
            "one token is given twice: those of --token-file and --read-token-file, or of their variables, "
            "must differ"
        )
    return Tokens(tokens)


def demand_guarded(listen: Address, tokens: Tokens) -> None:
    """UsageProblem when others than this machine could act without a token."""
    if tokens or _is_loopback(listen.host):
        return
    raise UsageProblem(
        f"--listen {listen} is reached from other machines: give --token-file or the variable "
        f"{TOKEN_VARIABLE} (and --tls-cert, --tls-key), or listen on 127.0.0.1"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def server_tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS of the HTTP server; None without a certificate. UsageProblem."""
    if cert is None:
        if key is not None:
            raise UsageProblem("--tls-key needs --tls-cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageProblem(f"cannot use --tls-cert and --tls-key: {error}") from error
    return context


def id_of_this_start(given: str | None, advertised: Address) -> str:
    """The id of this process: `given` or the host's name, where it is, and what is new with each start."""
    name = given or socket.gethostname().partition(".")[0] or "manager"
    try:
        return manager_id(name, advertised, secrets.token_hex(START_HEX_DIGITS // 2))
    except ValueError as error:
        raise UsageProblem(f"{error}; give another --id") from error


def _spare_the_collector() -> None:
    """Keep modules and schemas out of garbage collections, which pictures cause often and never need.

    Pictures have no cycles; what they are made of is freed without a collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_NEW_OBJECTS, *gc.get_threshold()[1:])


def run(
    entries: list[Address],
    access: Access,
    *,
    listen: Address,
    advertise: Address | None,
    name: str | None,
    tokens: Tokens,
    tls: ssl.SSLContext | None,
    records: Path | None,
    watch_only: bool,
    allow_hosts: list[str],
    lease_ms: int,
    sentinel_password: str | None = None,
) -> None:
    """Run the manager until a signal ends it. ManagerError."""
    demand_guarded(listen, tokens)
    advertised = advertise or listen
    options = RunOptions(
        entries=entries,
        id=id_of_this_start(name, advertised),
        listen=listen,
        access=access,
        tokens=tokens,
        tls=tls,
        records=records,
        watch_only=watch_only,
        names=frozenset({*allow_hosts, advertised.host, listen.host}),
        lease_ms=lease_ms,
        sentinel_password=sentinel_password,
    )
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    scheme = "https" if tls else "http"

    def ready() -> None:
        _spare_the_collector()
        print(f"manager {shown_name(options.id)} (pid {os.getpid()}): {scheme}://{listen}/", flush=True)

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_manager(options, ready))
