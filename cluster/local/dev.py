"""``garrison dev``: a local cluster, or a primary with Sentinels, until Ctrl-C, and how to connect to it."""

import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import garrison
from garrison.base.about import COMPATIBILITY_URL

if TYPE_CHECKING:
    from garrison.cluster.local.cluster import LocalCluster
    from garrison.cluster.local.sentinel_group import LocalGroup

FIRST_PORT = 7000
FIRST_SENTINEL_PORT = 26379

DATA_IS_NOT_KEPT = (
    f"--dir keeps identities, slots and configuration; the DATA IS NOT KEPT, as Garrison "
    f"{garrison.__version__} writes none to disk yet (see {COMPATIBILITY_URL})"
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def dev(
    sentinel: Annotated[
        bool, typer.Option("--sentinel", help="One primary, two replicas and three Sentinels instead.")
    ] = False,
    primaries: Annotated[int, typer.Option(help="How many primaries.", min=3)] = 3,
    replicas: Annotated[
        int | None, typer.Option(help="Replicas of each primary: 1, or 2 with --sentinel.", min=0)
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            help="Keep the nodes' identities here, and start from them again; not their data.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(help="First port; others are chosen if these are in use.")
    ] = FIRST_PORT,
    node_timeout: Annotated[
        int,
        typer.Option(help="cluster-node-timeout, or down-after-milliseconds with --sentinel.", min=100),
    ] = 1000,
    node_command: Annotated[
        str, typer.Option(help="What starts one node, instead of this Garrison's own.", hidden=True)
    ] = "",
) -> None:
    """Keep a local cluster, or a primary with Sentinels, until Ctrl-C."""
    from garrison.cluster.errors import ManagerError
    from garrison.cluster.local.cluster import GARRISON_NODE

    command = shlex.split(node_command) or GARRISON_NODE
    try:
        if sentinel:
            _keep_group(2 if replicas is None else replicas, directory, port, node_timeout, command)
        else:
            _keep_cluster(
                primaries, 1 if replicas is None else replicas, directory, port, node_timeout, command
            )
    except ManagerError as error:
        print(f"garrison dev: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from error


def _keep_cluster(
    primaries: int, replicas: int, directory: Path | None, port: int, timeout_ms: int, command: Sequence[str]
) -> None:
    from garrison.cluster.local.cluster import LocalCluster
    from garrison.cluster.local.process import consecutive_ports

    cluster = LocalCluster(
        primaries,
        replicas,
        directory=directory,
        command=command,
        settings={"cluster-node-timeout": str(timeout_ms)},
        ports=consecutive_ports(port, primaries * (replicas + 1)),
    )
    title = f"{len(cluster.nodes)} nodes"
    asyncio.run(_keep(cluster, title, lambda: how_to_connect(cluster), keeps_folders=directory is not None))


def _keep_group(
    replicas: int, directory: Path | None, port: int, timeout_ms: int, command: Sequence[str]
) -> None:
    from garrison.cluster.local.process import consecutive_ports, free_ports
    from garrison.cluster.local.sentinel_group import LocalGroup

    nodes, sentinels = consecutive_ports(port, replicas + 1), consecutive_ports(FIRST_SENTINEL_PORT, 3)
    group = LocalGroup(
        replicas,
        directory=directory,
        down_after_ms=timeout_ms,
        node_command=command,
        ports=[*(nodes or free_ports(replicas + 1)), *(sentinels or free_ports(3))],
    )
    title = f"{len(group.nodes)} nodes and {len(group.sentinels)} Sentinels"
    asyncio.run(
        _keep(group, title, lambda: how_to_connect_by_sentinel(group), keeps_folders=directory is not None)
    )


async def _keep(
    servers: "LocalCluster | LocalGroup", title: str, how: Callable[[], str], *, keeps_folders: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"starting {title} in {servers.directory}", flush=True)
    if keeps_folders:
        print(DATA_IS_NOT_KEPT, flush=True)
    starting: asyncio.Task[object] = asyncio.create_task(servers.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            print(how(), flush=True)
            await stopping
            print("stopping them", flush=True)
    finally:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        await servers.stop()


def how_to_connect(cluster: "LocalCluster") -> str:
    entry = cluster.nodes[0].address
    return "\n".join(
        [
            f"{len(cluster.nodes)} nodes serve at {', '.join(str(node.address) for node in cluster.nodes)}",
            f"  redis-cli -c -p {entry.port}",
            f"  garrison cluster check {entry}",
            f'  client = await garrison.client.connect("{cluster.url}")',
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
            f'  client = await garrison.client.connect("{group.url}")',
            "Ctrl-C stops them",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(words, prog_name="garrison dev")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
