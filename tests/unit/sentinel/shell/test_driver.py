"""How a core is driven: the order of effects, a disk that fails, clients that wait."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from garrison.base.log import Log
from garrison.base.reply import OK
from garrison.sentinel.config import load
from garrison.sentinel.core.effects import Connect, Drop, Effects, Event, Level, Resolve, RunScript, Send
from garrison.sentinel.core.sentinel import SentinelCore
from garrison.sentinel.shell.acl import Users
from garrison.sentinel.shell.clients import Client
from garrison.sentinel.shell.scripts import Scripts
from garrison.sentinel.shell.sentinel import SAVE_RETRY_MS, Sentinel, without_finished_links


class Core:
    """Gives the effects that a test has put in, and writes down what it is told."""

    def __init__(self) -> None:
        self.next = Effects()
        self.heard: list[str] = []

    def take(self) -> Effects:
        taken, self.next = self.next, Effects()
        return taken

    def next_deadline_ms(self) -> int:
        return 1 << 60

    def tick(self, now_ms: int) -> None:
        self.heard.append("tick")

    def command(self, ticket: int, argv: list[bytes], now_ms: int) -> None:
        self.next.replies.append((ticket, OK))

    def answered(self, link_id: int, token: int, reply: object, now_ms: int) -> None:
        self.heard.append(f"answered {token}")


class Bench:
    """A Sentinel whose surroundings write down what it does, in order."""

    def __init__(self, folder: Path) -> None:
        self.done: list[str] = []
        self.disk_fails = False
        self.closing = False
        """As a client, whose connection may end."""
        path = folder / "s.conf"
        path.write_text("# mine\n")
        config = load([str(path)])
        self.log = folder / "log"
        self.users = Users()
        self.sentinel = Sentinel(
            config,
            config.settings(),
            Log(str(self.log)),
            asyncio.get_running_loop(),
            lambda: self.users,
            self._publish,
        )
        self.core = Core()
        self.sentinel.core = cast(SentinelCore, self.core)
        self.sentinel.links.carry_out = self._carry_out  # type: ignore[method-assign]
        self.sentinel.scripts = cast(Scripts, self)
        self.sentinel._file.save = self._save  # type: ignore[method-assign]

    def _publish(self, channel: bytes, message: bytes) -> int:
        self.done.append(f"publish {channel.decode()} {message.decode()}")
        return 0

    def _carry_out(self, wire: list[Any]) -> None:
        self.done += [f"wire {type(action).__name__}" for action in wire]

    def run(self, script: RunScript) -> None:
        self.done.append(f"run {script.path}")

    def _save(self, state: tuple[str, ...], users: list[str] | None, changed: dict[str, str]) -> None:
        if self.disk_fails:
            raise OSError(28, "No space left on device")
        self.done.append(f"save {' '.join(state)} {users} {changed}")

    def answered(self, value: object) -> None:
        self.done.append(f"reply {value}")

    def ask(self) -> None:
        """As a client that waits for the answer."""
        self.sentinel.ask(cast(Client, self), [b"SENTINEL", b"X"])


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def everything() -> Effects:
    return Effects(
        persist=("sentinel myid x",),
        wire=[Send(1, (b"PING",), 1)],
        events=[Event(Level.WARNING, "+sdown", "master a"), Event(Level.DEBUG, "quiet", "")],
        scripts=[RunScript("script", ())],
    )


ORDER = ["save sentinel myid x None {}", "wire Send", "publish +sdown master a", "reply OK", "run script"]


async def test_effects_are_carried_out_from_top_to_bottom(bench: Bench) -> None:
    bench.core.next = everything()
    bench.ask()
    assert bench.done == ORDER
    assert "# +sdown master a" in bench.log.read_text()


async def test_while_the_disk_fails_nothing_else_happens(bench: Bench) -> None:
    bench.disk_fails = True
    bench.core.next = everything()
    bench.ask()
    bench.core.next = Effects(persist=("sentinel myid younger",))
    bench.sentinel._tick()
    assert bench.done == []
    assert bench.log.read_text().count("not able to save") == 1
    assert "No space left on device" in bench.log.read_text()
    bench.disk_fails = False
    async with asyncio.timeout(10):
        while not bench.done:
            bench.sentinel._tick()
            await asyncio.sleep(SAVE_RETRY_MS / 1000)
    assert bench.done == ["save sentinel myid younger None {}", *ORDER[1:]]


async def test_while_the_disk_fails_nothing_is_kept_for_clients_that_have_gone(bench: Bench) -> None:
    bench.disk_fails = True
    for _ in range(3):
        bench.core.next.persist = ("s",)
        bench.ask()
        await asyncio.sleep((SAVE_RETRY_MS + 20) / 1000)
        bench.closing = True
    bench.sentinel._tick()
    assert bench.sentinel._held is not None
    assert bench.sentinel._held.replies == []
    assert not bench.sentinel._asking


async def test_users_and_settings_that_were_changed_are_kept(bench: Bench) -> None:
    bench.users.set("joe", ["on"])
    bench.core.next = Effects(persist=("s",), configured={"loglevel": "debug"})
    bench.ask()
    assert bench.done[0].startswith("save s ['user default on")
    assert "user joe on" in bench.done[0]
    assert bench.done[0].endswith("{'loglevel': 'debug'}")


async def test_inputs_of_one_turn_are_carried_out_together(bench: Bench) -> None:
    for token in range(5):
        bench.sentinel.answered(1, token, b"PONG")
        bench.core.next.merge(Effects(wire=[Send(1, (b"PING",), token)]))
    assert bench.done == []
    await asyncio.sleep(0)
    assert bench.done == ["wire Send"] * 5


async def test_a_late_tick_lets_replies_come_first(bench: Bench) -> None:
    bench.sentinel._tick_due_ms = 1  # long ago
    bench.sentinel._timer_fired()
    assert "tick" not in bench.core.heard
    bench.sentinel.answered(1, 7, b"PONG")
    async with asyncio.timeout(10):
        while "tick" not in bench.core.heard:
            await asyncio.sleep(0.001)
    assert bench.core.heard == ["answered 7", "tick"]


def test_links_that_begin_and_end_while_held_are_left_out() -> None:
    stays: list[Any] = [Drop(1), Connect(3, "h", 1), Send(3, (b"PING",), 1), Resolve("h")]
    gone = [Connect(2, "h", 1), Send(2, (b"PING",), 1), Drop(2)]
    assert without_finished_links([*stays[:1], *gone, *stays[1:]]) == stays
