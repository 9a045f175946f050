"""How a core is driven: the order of effects, a disk that fails, clients that wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from garrison.base.log import Log
from garrison.base.reply import OK
from garrison.sentinel.config.config import load
from garrison.sentinel.core.effects import Connect, Effects, Event, Level, RunScript, Send
from garrison.sentinel.core.sentinel import SentinelCore
from garrison.sentinel.server.acl import Users
from garrison.sentinel.server.clients import Client
from garrison.sentinel.shell.driver import SAVE_MS_MAX, Sentinel
from garrison.sentinel.shell.scripts import Scripts


class Core:
    """Gives the effects that a test has put in, and writes down what it is told."""

    def __init__(self) -> None:
        self.next = Effects()
        self.calls: list[str] = []

    def take(self) -> Effects:
        taken, self.next = self.next, Effects()
        return taken

    def next_deadline_ms(self) -> int:
        return 1 << 60

    def tick(self, now_ms: int) -> None:
        self.calls.append("tick")

    def command(self, ticket: int, argv: list[bytes], now_ms: int) -> None:
        self.next.replies.append((ticket, OK))

    def answered(self, link_id: int, token: int, reply: object, now_ms: int) -> None:
        self.calls.append(f"answered {token}")

    def save_failed(self, reason: str, now_ms: int) -> None:
        self.calls.append(f"not saved: {reason}")

    def saved(self, now_ms: int) -> None:
        self.calls.append("saved")

    def unsent(self, sends: list[Send], why: str, now_ms: int) -> None:
        self.calls += [f"unsent {send.argv[0].decode()}" for send in sends]


class Bench:
    """A Sentinel whose surroundings write down what it does, in order."""

    def __init__(self, folder: Path) -> None:
        self.done: list[str] = []
        self.disk_fails = False
        self.disk_takes_s = 0.0
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
        for action in wire:
            word = action.argv[0].decode() if isinstance(action, Send) else type(action).__name__
            self.done.append(f"wire {word}")

    def run(self, script: RunScript) -> None:
        self.done.append(f"run {script.path}")

    def _save(self, state: Sequence[str], users: Sequence[str] | None, changed: Mapping[str, str]) -> None:
        if self.disk_fails:
            raise OSError(28, "No space left on device")
        time.sleep(self.disk_takes_s)
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
        wire=[Send(1, (b"SLAVEOF", b"NO", b"ONE"), 1), Connect(2, "h", 1), Send(1, (b"PING",), 2, False)],
        events=[Event(Level.WARNING, "+sdown", "master a"), Event(Level.DEBUG, "quiet", "")],
        scripts=[RunScript("script", ())],
    )


ORDER = [
    "save sentinel myid x None {}", "wire SLAVEOF", "wire Connect", "wire PING", "publish +sdown master a",
    "reply OK", "run script",
]  # fmt: skip


async def test_effects_are_carried_out_from_top_to_bottom(bench: Bench) -> None:
    bench.core.next = everything()
    bench.ask()
    assert bench.done == ORDER
    assert "# +sdown master a" in bench.log.read_text()


async def test_while_the_disk_fails_nothing_is_promised(bench: Bench) -> None:
    """What only asks goes out; orders are void for good, and what is told waits."""
    bench.disk_fails = True
    bench.core.next = everything()
    bench.ask()
    refused = "MISCONF This Sentinel cannot save its configuration: No space left on device. Ask another one"
    assert bench.done == ["wire Connect", "wire PING", f"reply {refused}"]
    assert bench.core.calls == ["not saved: No space left on device", "unsent SLAVEOF"]
    bench.done.clear()
    bench.core.next = Effects(wire=[Send(1, (b"INFO",), 3, False)], events=[Event(Level.WARNING, "+b", "x")])
    bench.sentinel._tick()
    assert bench.done == ["wire INFO"]
    bench.core.next = Effects(persist=("sentinel myid younger",))
    bench.ask()
    assert bench.done == ["wire INFO", "reply OK"], "the core knows, and says nothing that it may not"
    assert bench.log.read_text().count("not able to save") == 1
    bench.disk_fails = False
    bench.core.next = Effects(persist=("sentinel myid youngest",), wire=[Send(1, (b"PUBLISH",), 4)])
    bench.sentinel._tick()
    assert bench.done[2:] == [
        "save sentinel myid youngest None {}", "wire PUBLISH", "publish +sdown master a", "publish +b x",
        "run script",
    ]  # fmt: skip
    assert "wire SLAVEOF" not in bench.done
    assert bench.core.calls[-1] == "saved"


async def test_what_was_decided_before_a_disk_that_hung_is_void(bench: Bench) -> None:
    bench.disk_takes_s = 1.2
    assert SAVE_MS_MAX == 1_000
    bench.core.next = everything()
    bench.ask()
    assert "wire SLAVEOF" not in bench.done
    assert bench.core.calls == ["saved", "unsent SLAVEOF"]
    assert bench.done[:3] == ["save sentinel myid x None {}", "wire Connect", "wire PING"]
    assert bench.done[3].startswith("reply MISCONF This Sentinel cannot save its configuration: saving")
    assert bench.done[4:] == ["publish +sdown master a", "run script"]
    assert bench.sentinel._held is None


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
    assert bench.done == ["wire PING"] * 5


async def test_a_late_tick_lets_replies_come_first(bench: Bench) -> None:
    bench.sentinel._tick_due_ms = 1  # long ago
    bench.sentinel._timer_fired()
    assert "tick" not in bench.core.calls
    bench.sentinel.answered(1, 7, b"PONG")
    async with asyncio.timeout(10):
        while "tick" not in bench.core.calls:
            await asyncio.sleep(0.001)
    assert bench.core.calls == ["answered 7", "tick"]


async def test_replaced_primaries_are_counted_by_name(bench: Bench) -> None:
    switches = [("+switch-master", f"{name} 10.0.0.1 6379 10.0.0.2 6379") for name in ("g", "h", "g")]
    events = [Event(Level.WARNING, *words) for words in (*switches, ("+sdown", "master g"))]
    bench.core.next = Effects(events=events)
    bench.ask()
    assert bench.sentinel.failovers == {"g": 2, "h": 1}
