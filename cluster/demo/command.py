"""The main jobs on real traffic: ``make demo``, ``garrison demo``, ``python -m garrison.cluster.demo``.

Five acts, each with a load through the client library and a table of what its callers saw: a cluster whose
primary is killed and whose slots are moved, a cluster whose primary comes back at once without its data, a
primary that Sentinels fail over, a cluster that is killed as a whole, and one that a manager looks after. The
exit code is 0 only if all that the tables promise holds.
"""

import asyncio
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from garrison.base.command_line import run_app
from garrison.base.plain_help import PlainApp

DEMO_TIMEOUT_S = 240.0

app = PlainApp()


class Act(StrEnum):
    """The acts to show."""

    ALL = "all"
    CLUSTER = "cluster"
    RESTART = "restart"
    SENTINEL = "sentinel"
    FILES = "files"
    MANAGER = "manager"


@app.command()
def demo(
    act: Annotated[
        Act,
        typer.Option(
            metavar="all|cluster|restart|sentinel|files|manager", help="Show only one of the five acts."
        ),
    ] = Act.ALL,
    node_command: Annotated[
        str, typer.Option(help="What starts one node, instead of this Garrison's own.", hidden=True)
    ] = "",
    sentinel_command: Annotated[
        str, typer.Option(help="What starts one Sentinel, instead of this Garrison's own.", hidden=True)
    ] = "",
) -> None:
    """Start real nodes, write, kill, fail over, move slots, and show what the callers saw."""
    import uvloop

    from garrison.cluster.errors import ManagerError

    try:
        passed = uvloop.run(_guarded(act, shlex.split(node_command), shlex.split(sentinel_command)))
    except ManagerError as error:
        print(f"garrison demo: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    raise typer.Exit(0 if passed else 1)


async def _guarded(act: Act, node_command: Sequence[str], sentinel_command: Sequence[str]) -> bool:
    from garrison.cluster.errors import ManagerError

    task = asyncio.current_task()
    assert task is not None
    # Without this a SIGTERM would end the demo and leave its processes behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        async with asyncio.timeout(DEMO_TIMEOUT_S):
            return await _play(act, node_command, sentinel_command)
    except TimeoutError:
        raise ManagerError(f"not over after {DEMO_TIMEOUT_S:.0f} s, so it was stopped") from None


async def _play(act: Act, node_command: Sequence[str], sentinel_command: Sequence[str]) -> bool:
    from garrison.cluster.demo import cluster_act, files_act, manager_act, restart_act, sentinel_act
    from garrison.cluster.demo.story import Story, verdict
    from garrison.cluster.local.cluster import GARRISON_NODE
    from garrison.cluster.local.sentinel_group import GARRISON_SENTINEL

    story, started = Story(), time.monotonic()
    node = node_command or GARRISON_NODE
    passed = True
    if act in (Act.ALL, Act.CLUSTER):
        passed = await cluster_act.play(story, node)
    if act in (Act.ALL, Act.RESTART):
        passed = await restart_act.play(story, node) and passed
    if act in (Act.ALL, Act.SENTINEL):
        passed = await sentinel_act.play(story, node, sentinel_command or GARRISON_SENTINEL) and passed
    if act in (Act.ALL, Act.FILES):
        passed = await files_act.play(story, node) and passed
    if act in (Act.ALL, Act.MANAGER):
        passed = await manager_act.play(story, node) and passed
    verdict(passed, time.monotonic() - started)
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    return run_app(app, "garrison demo", arguments)
