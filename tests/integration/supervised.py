"""A local cluster whose ended nodes are started again, as a supervisor would, and a release to upgrade to."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from garrison import __version__
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from garrison.cluster.local.ports import HOST, free_ports
from garrison.node import _engine

OTHER_RELEASE = __version__[:-1] + ("8" if __version__[-1] == "9" else "9")
"""As long as ours, so that it can stand in its place in the engine."""
AS_OTHER_RELEASE = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
import garrison, garrison.node
spec = spec_from_file_location("garrison.node._engine", sys.argv.pop(1))
garrison.node._engine = sys.modules[spec.name] = module_from_spec(spec)
spec.loader.exec_module(garrison.node._engine)
from garrison.__main__ import main
main()
"""
LOOK_EVERY_S = 0.05


def other_release(folder: Path) -> tuple[str, ...]:
    """The command of a node that says :data:`OTHER_RELEASE` and is like ours in everything else."""
    assert _engine.__file__ is not None
    ours = Path(_engine.__file__)
    copy = folder / ours.name
    copy.write_bytes(ours.read_bytes().replace(__version__.encode(), OTHER_RELEASE.encode()))
    return sys.executable, "-c", AS_OTHER_RELEASE, str(copy), "node"


class Supervisor:
    """Starts again what has ended. `starts` counts how often it did, by address."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.starts: Counter[str] = Counter()
        self.left_alone: list[LocalNode] = []
        """Those that stay dead."""

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            for node in self.cluster.nodes:
                if not node.running and node.process is not None and node not in self.left_alone:
                    self.starts[str(node.address)] += 1
                    await node.start(self.cluster.command, self.cluster.settings)
            await asyncio.sleep(LOOK_EVERY_S)


@contextlib.asynccontextmanager
async def supervised(cluster: LocalCluster) -> AsyncIterator[Supervisor]:
    """A supervisor for the time of the block."""
    supervisor = Supervisor(cluster)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ManagerError):
            await task


async def add_spare(cluster: LocalCluster) -> LocalNode:
    """An idle node more, which ends with the cluster."""
    (port,) = free_ports(1)
    spare = LocalNode(Address(HOST, port), cluster.directory / str(port))
    await spare.start(cluster.command, cluster.settings)
    cluster.nodes.append(spare)
    await cluster.wait_ready(spare)
    return spare
