"""A desk over the real core that keeps its records in memory, and the site on it, for tests of HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from garrison.base.clock import boot_ms, wall_ms
from garrison.cluster.core.manager.drawing import Heard, Surroundings, draw_cluster
from garrison.cluster.core.manager.effects import ReadRecords, StoredRecords, StoreRecords
from garrison.cluster.core.manager.manager_core import ManagerCore
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.node_figures import read_sample
from garrison.cluster.core.manager.picture import NotableKey, Picture
from garrison.cluster.core.manager.status import KeySearch
from garrison.cluster.core.topology import parse_nodes
from garrison.cluster.daemon.desk import Desk
from garrison.cluster.daemon.driving import Driver
from garrison.cluster.daemon.http_limits import App, HttpLimits
from garrison.cluster.daemon.http_site import make_site
from garrison.cluster.daemon.http_tokens import Token, Tokens, digest_of
from garrison.cluster.daemon.keeping import Answer, Ask
from garrison.cluster.manager.admin_client import read_fields
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster

ACT, READ = "a" * 32, "r" * 32


def picture_of(cluster: TinyCluster, at_ms: int | None = None) -> Picture:
    """What an observer would draw of the model."""
    now = wall_ms() if at_ms is None else at_ms
    heard = {}
    for node in cluster.nodes.values():
        if node.is_up:
            view = parse_nodes(cluster.table(node), node.address)
            sample = read_sample(now / 1000, read_fields(cluster.info(node)), {})
            heard[node.id] = Heard(view=view, view_at_ms=now, sample=sample, as_of_ms=now)
        else:
            heard[node.id] = Heard(silent_since_ms=1)
    return draw_cluster(heard, now, Surroundings())


@dataclass
class MemoryKeeper:
    """Keeps what is stored in memory; with `error` nothing can be stored."""

    driver: Driver
    content: bytes = b""
    version: int = 0
    epoch: int = 0
    error: str = ""
    asked: list[Ask] = field(default_factory=list)
    problems: tuple[str, ...] = ()

    def ask(self, ask: Ask) -> None:
        self.asked.append(ask)
        asyncio.get_running_loop().call_soon(self._answer, ask)

    def _answer(self, ask: Ask) -> None:
        answer: Answer = None
        if isinstance(ask, ReadRecords):
            answer = StoredRecords(self.epoch, "", self.version, self.epoch, self.content)
        elif isinstance(ask, StoreRecords):
            answer = self.error
            if not self.error:
                self.content, self.version, self.epoch = ask.content, ask.version, ask.epoch
        self.driver.answered(ask, answer)

    async def close(self) -> None:
        """Nothing is open."""


async def search_nothing(search: KeySearch) -> tuple[NotableKey, ...]:
    return (NotableKey(node_id=search.node, key="k", type="string", bytes=7),)


def make_driver() -> Driver:
    """A driver of a core that works alone on a keeper in memory. To be called in a running loop."""
    settings = ManagerSettings(id="m@127.0.0.1:7380", keeping="file")
    core = ManagerCore(settings, Random(1), boot_ms(), wall_ms() - boot_ms())
    driver = Driver(core, lambda events: None, lambda jobs: None)
    driver.keeper = MemoryKeeper(driver)
    return driver


async def make_desk(cluster: TinyCluster | None = None, limits: HttpLimits | None = None) -> Desk:
    """A desk whose manager leads, with a picture of the model."""
    driver = make_driver()
    settings = ManagerSettings(id="m@127.0.0.1:7380", keeping="file")
    desk = Desk(settings, driver, limits or HttpLimits(), search_nothing)
    driver.observed(desk.show(picture_of(cluster or TinyCluster.of("a", "b", "c", "a>d")), ()))
    for _ in range(20):
        await asyncio.sleep(0)
    assert driver.core.leads, driver.core.why_idle
    desk.show(picture_of(cluster or TinyCluster.of("a", "b", "c", "a>d")), ())
    return desk


def site_on(desk: Desk, *, tokens: bool = True) -> App:
    """The site as it is served: with a token that acts and one that reads, unless without any."""
    known = [Token("ann", "act", digest_of(ACT)), Token("bob", "read", digest_of(READ))] if tokens else []
    return make_site(desk, Tokens(known), lambda: "garrison_manager_leader 1\n")
