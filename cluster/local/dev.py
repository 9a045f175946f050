"""``garrison dev``: a local cluster, or a primary with Sentinels, until Ctrl-C, and how to connect to it."""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from garrison.base.command_line import EXIT_STOPPED, run_app
from garrison.base.descriptors import RESERVED, files_max, make_room
from garrison.base.plain_help import PlainApp
from garrison.cluster.errors import ManagerError, UsageProblem

if TYPE_CHECKING:
    from garrison.cluster.local.cluster import LocalCluster
    from garrison.cluster.local.sentinel_group import LocalGroup
    from garrison.cluster.local.watch import Watch

FIRST_PORT = 7000
FIRST_SENTINEL_PORT = 26379
MANAGER_PORT = 7380
SENTINELS = 3
DESCRIPTORS_MIN = 256
"""Open files that a node needs, with some clients; a process that is started inherits our limit."""
DESCRIPTORS_WANTED = 1024
STEP_TO_OTHER_PORTS = 100
KEY_TO_START_AGAIN = "r"

SETTINGS_OF_A_FOLDER = {"appendonly": "yes"}
"""With --dir the nodes keep their data as well."""

app = PlainApp()


@app.command()
def dev(
    sentinel: Annotated[
        bool, typer.Option("--sentinel", help="One primary, two replicas and three Sentinels instead.")
    ] = False,
    primaries: Annotated[int, typer.Option(metavar="COUNT", help="How many primaries.", min=3)] = 3,
    replicas: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT", help="Replicas of each primary: 1 if not given, or 2 with --sentinel.", min=0
        ),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="FOLDER",
            help="Keep the nodes here with their data (append-only files), and start from them again.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help=f"First port of the nodes: {FIRST_PORT} if not given.", min=1, max=65535
        ),
    ] = None,
    sentinel_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help=f"First port of the Sentinels: {FIRST_SENTINEL_PORT} if not given, or as much higher "
            f"as --port is above {FIRST_PORT}.",
            min=1,
            max=65535,
        ),
    ] = None,
    manager: Annotated[
        bool, typer.Option(help="Whether a manager with a page looks after the cluster.")
    ] = True,
    manager_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help=f"Port of the manager's page: {MANAGER_PORT} if not given, or as much higher as --port is "
            f"above {FIRST_PORT}.",
            min=1,
            max=65535,
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start a node again by itself when it has ended.")
    ] = False,
    node_timeout: Annotated[
        int,
        typer.Option(
            metavar="MILLISECONDS",
            help="cluster-node-timeout, or down-after-milliseconds with --sentinel.",
            min=100,
        ),
    ] = 1000,
    node_command: Annotated[
        str, typer.Option(help="What starts one node, instead of this Garrison's own.", hidden=True)
    ] = "",
) -> None:
    """Keep a local cluster, or a primary with Sentinels, until Ctrl-C."""
    try:
        if sentinel_port and not sentinel:
            raise UsageProblem("--sentinel-port is for --sentinel")
        if manager_port and (sentinel or not manager):
            raise UsageProblem("--manager-port is for a cluster with a manager")
        _make_room()
        from garrison.cluster.local.cluster import GARRISON_NODE

        command = shlex.split(node_command) or GARRISON_NODE
        servers: LocalCluster | LocalGroup
        if sentinel:
            count = 2 if replicas is None else replicas
            servers = group = _group(count, directory, port, sentinel_port, node_timeout, command)
            title = f"{len(group.nodes)} nodes and {len(group.sentinels)} Sentinels"
            how = partial(how_to_connect_by_sentinel, group)
        else:
            count = 1 if replicas is None else replicas
            servers = cluster = _cluster(primaries, count, directory, port, node_timeout, command)
            title = f"{len(cluster.nodes)} nodes"
            if manager:
                cluster.add_manager(_manager_port(cluster.nodes[0].address.port, manager_port))
                title += " and a manager"
            how = partial(how_to_connect, cluster)
        code = asyncio.run(_keep(servers, title, how, restart))
    except ManagerError as error:
        print(f"garrison dev: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        print("garrison dev: stopped before it served", file=sys.stderr)
        raise typer.Exit(EXIT_STOPPED) from None
    raise typer.Exit(code)


def _make_room() -> None:
    """Raise the limit of open files, which the nodes inherit, to one that they can live with."""
    allowed = files_max()
    if allowed < DESCRIPTORS_MIN:
        raise ManagerError(
            f"this shell allows {allowed} open files, and a node needs {DESCRIPTORS_MIN}: "
            f"run 'ulimit -n {DESCRIPTORS_WANTED}' first, or use another shell"
        )
    make_room(DESCRIPTORS_WANTED - RESERVED)


def _cluster(
    primaries: int,
    replicas: int,
    directory: Path | None,
    port: int | None,
    timeout_ms: int,
    command: Sequence[str],
) -> "LocalCluster":
    from garrison.cluster.local.cluster import LAYOUT_FILE, LocalCluster
    from garrison.cluster.local.ports import port_range
    from garrison.cluster.local.sentinel_group import LAYOUT_FILE as GROUP_FILE

    count = primaries * (replicas + 1)
    remembered = _remembered(directory, LAYOUT_FILE, port, GROUP_FILE)

    def ports_from(first: int) -> list[int]:
        return port_range(first, count, with_bus=True)

    ports = _free_ports(remembered, ports_from, port, with_bus=True)
    return LocalCluster(
        primaries,
        replicas,
        directory=directory,
        command=command,
        settings={"cluster-node-timeout": str(timeout_ms), **_kept(directory)},
        ports=ports,
    )


def _manager_port(first_node: int, asked: int | None) -> int:
    """The port of the page. UsageProblem if there is none, PortInUseError if it is not free."""
    from garrison.cluster.local.ports import PORT_MAX, demand_free

    port = asked or MANAGER_PORT + first_node - FIRST_PORT
    if not 0 < port <= PORT_MAX:
        raise UsageProblem(
            f"--port {first_node} would move the manager to {port}; say where with --manager-port"
        )
    demand_free([port], with_bus=False, advice=lambda: "end it, or use --manager-port or --no-manager")
    return port


def _group(
    replicas: int,
    directory: Path | None,
    port: int | None,
    sentinel_port: int | None,
    timeout_ms: int,
    command: Sequence[str],
) -> "LocalGroup":
    from garrison.cluster.local.cluster import LAYOUT_FILE as CLUSTER_FILE
    from garrison.cluster.local.sentinel_group import LAYOUT_FILE, LocalGroup

    remembered = _remembered(directory, LAYOUT_FILE, port, CLUSTER_FILE, sentinel_port, SENTINELS)

    def ports_from(first: int) -> list[int]:
        return group_ports(first, sentinel_port, replicas + 1)

    ports = _free_ports(remembered, ports_from, port, with_bus=False)
    return LocalGroup(
        replicas,
        SENTINELS,
        directory=directory,
        down_after_ms=timeout_ms,
        node_command=command,
        settings=_kept(directory),
        ports=ports,
    )


def _kept(directory: Path | None) -> dict[str, str]:
    return SETTINGS_OF_A_FOLDER if directory is not None else {}


def group_ports(port: int | None, sentinel_port: int | None, nodes: int) -> list[int]:
    """The ports of the nodes, then those of the Sentinels, which move with the nodes' unless given."""
    from garrison.cluster.local.ports import PORT_MAX, port_range

    first = port or FIRST_PORT
    of_sentinels = sentinel_port or FIRST_SENTINEL_PORT + first - FIRST_PORT
    if not sentinel_port and not 0 < of_sentinels <= PORT_MAX - SENTINELS + 1:
        raise UsageProblem(
            f"--port {first} would move the Sentinels to {of_sentinels}; "
            "say where they go with --sentinel-port"
        )
    ports = port_range(first, nodes, with_bus=False)
    ports += port_range(of_sentinels, SENTINELS, with_bus=False, option="--sentinel-port")
    if len(set(ports)) < len(ports):
        raise UsageProblem("--port and --sentinel-port lead to the same ports; choose others")
    return ports


END_IT = "end it and try again, or use another --dir"


def _free_ports(
    remembered: list[int], ports_from: Callable[[int], list[int]], first: int | None, *, with_bus: bool
) -> list[int]:
    """The ports that are remembered, or else those from `first` on.

    `ports_from` gives all that are needed for a first one, and raises UsageProblem where that cannot be.
    PortInUseError, with advice, if one of them is not free.
    """
    from garrison.cluster.local.ports import demand_free

    ports = remembered or ports_from(first or FIRST_PORT)

    def advice() -> str:
        return END_IT if remembered else _other_ports(ports_from, ports[0], with_bus=with_bus)

    demand_free(ports, with_bus=with_bus, advice=advice)
    return ports


def _other_ports(ports_from: Callable[[int], list[int]], taken: int, *, with_bus: bool) -> str:
    """Advice that names a first port above `taken` for which all that are needed are free now."""
    from garrison.cluster.local.ports import PORT_MAX, are_free

    for first in range(taken + STEP_TO_OTHER_PORTS, PORT_MAX, STEP_TO_OTHER_PORTS):
        with contextlib.suppress(UsageProblem):
            if are_free(ports_from(first), with_bus=with_bus):
                return f"end it, or take other ports, such as --port {first}"
    # Nodes without a bus have Sentinels beside them, whose ports may be the ones in use.
    return f"end it, or take other ports with --port{'' if with_bus else ' and --sentinel-port'}"


def _remembered(
    directory: Path | None,
    layout: str,
    port: int | None,
    other_layout: str,
    sentinel_port: int | None = None,
    sentinels: int = 0,
) -> list[int]:
    """The ports that the folder remembers; UsageProblem if others are asked for, as its nodes cannot move."""
    from garrison.cluster.local.process import remembered_ports

    if directory is None:
        return []
    if (directory / other_layout).exists():
        what = "a cluster" if sentinels else "a primary with Sentinels (--sentinel)"
        raise UsageProblem(f"{directory} holds {what}; use another --dir")
    ports = remembered_ports(directory / layout)
    if not ports:
        return []
    for option, asked, first in (
        ("--port", port, ports[0]),
        ("--sentinel-port", sentinel_port, ports[-sentinels]),
    ):
        if asked and asked != first:
            raise UsageProblem(
                f"{directory} holds nodes at the ports {', '.join(map(str, ports))}, which know each "
                f"other there; leave {option} out, or use another --dir"
            )
    return ports


async def _keep(
    servers: "LocalCluster | LocalGroup",
    title: str,
    how: Callable[[], str],
    restarts: bool,
) -> int:
    """Start the processes and keep them until a signal; the exit code."""
    from garrison.cluster.local.watch import Watch

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"starting {title} in {servers.directory}", flush=True)
    starting: asyncio.Task[object] = asyncio.create_task(servers.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            print("garrison dev: stopped before it served", file=sys.stderr)
            return EXIT_STOPPED
        starting.result()
        print(how(), flush=True)
        has_keys = not restarts and _is_at_our_terminal()
        async with Watch(servers, say, restarts=restarts, advice=_advice(has_keys)) as watch:
            with _keys(watch) if has_keys else contextlib.nullcontext():
                await stopping
        print("stopping them", flush=True)
        return 0
    finally:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, ManagerError):
            await starting
        await servers.stop()


def say(text: str) -> None:
    print(text, flush=True)


def _advice(has_keys: bool) -> str:
    if has_keys:
        return f"press {KEY_TO_START_AGAIN} and Enter to start it again"
    return "with --restart it would be started again"


def _is_at_our_terminal() -> bool:
    """Whether somebody can type to us: a job in the background that reads would be stopped."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _keys(watch: "Watch") -> Iterator[None]:
    """While this is entered, a line that begins with the key starts again what has ended."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def typed() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(descriptor)
        elif line.strip().lower().startswith(KEY_TO_START_AGAIN) and not watch.start_ended():
            say("all of them run")

    loop.add_reader(descriptor, typed)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


def how_to_connect(cluster: "LocalCluster") -> str:
    entry = cluster.nodes[0].address
    watched = f"--manager {cluster.manager.url}" if cluster.manager else str(entry)
    return "\n".join(
        [
            f"{len(cluster.nodes)} nodes serve at {', '.join(str(node.address) for node in cluster.nodes)}",
            f"  redis-cli -c -p {entry.port}",
            f"  garrison cluster check {entry}",
            f"  garrison top {watched}",
            f'  client = await garrison.client.connect("{cluster.url}")',
            *([f"  garrison manager status --manager {cluster.manager.url}"] if cluster.manager else []),
            *([f"the manager's page is at {cluster.manager.url}"] if cluster.manager else []),
            "Ctrl-C stops them",
        ]
    )


def how_to_connect_by_sentinel(group: "LocalGroup") -> str:
    from garrison.cluster.local.sentinel_group import NAME

    sentinel = group.sentinels[0].address
    return "\n".join(
        [
            f"a primary and its replicas serve at {', '.join(str(node.address) for node in group.nodes)}",
            f"Sentinels watch it as {NAME} from {', '.join(str(each.address) for each in group.sentinels)}",
            f"  redis-cli -p {sentinel.port} sentinel get-master-addr-by-name {NAME}",
            f"  garrison sentinel status --sentinel {sentinel}",
            f"  garrison top {sentinel}",
            f'  client = await garrison.client.connect("{group.url}")',
            "Ctrl-C stops them",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    return run_app(app, "garrison dev", arguments)


if __name__ == "__main__":
    sys.exit(main())
