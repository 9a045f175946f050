"""``garrison dev``: a local cluster until Ctrl-C, and how to connect to it."""

import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from garrison.cluster.local import LocalCluster

FIRST_PORT = 7000
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def dev(
    primaries: Annotated[int, typer.Option(help="How many primaries.", min=3)] = 3,
    replicas: Annotated[int, typer.Option(help="Replicas of each primary.", min=0)] = 1,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Keep the nodes' folders here, and start from them again.")
    ] = None,
    port: Annotated[
        int, typer.Option(help="First port; others are chosen if these are in use.")
    ] = FIRST_PORT,
    node_timeout: Annotated[int, typer.Option(help="cluster-node-timeout in milliseconds.", min=100)] = 1000,
    node_command: Annotated[
        str, typer.Option(help="What starts one node, instead of this Garrison's own.", hidden=True)
    ] = "",
) -> None:
    """Keep a local cluster until Ctrl-C."""
    from garrison.cluster.errors import ManagerError
    from garrison.cluster.local import GARRISON_NODE, LocalCluster
    from garrison.cluster.local_process import consecutive_ports

    count = primaries * (replicas + 1)
    try:
        cluster = LocalCluster(
            primaries,
            replicas,
            directory=directory,
            command=shlex.split(node_command) or GARRISON_NODE,
            settings={"cluster-node-timeout": str(node_timeout)},
            ports=consecutive_ports(port, count),
        )
        asyncio.run(_keep(cluster))
    except ManagerError as error:
        print(f"garrison dev: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from error


async def _keep(cluster: "LocalCluster") -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"starting {len(cluster.nodes)} nodes in {cluster.directory}", flush=True)
    starting = asyncio.create_task(cluster.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            print(how_to_connect(cluster), flush=True)
            await stopping
            print("stopping the nodes", flush=True)
    finally:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        await cluster.stop()


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


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(words, prog_name="garrison dev")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
