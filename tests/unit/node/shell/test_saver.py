"""The saver: order, coalescing, promises, failures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garrison.base import disk
from garrison.node.shell import saver as saver_module
from garrison.node.shell.saver import Saver


class SlowDisk:
    """Stands in for `disk.replace`; it writes when the test lets it."""

    def __init__(self) -> None:
        self.written: list[tuple[str, bool]] = []
        self.kept: list[bool] = []
        self.synced = 0
        """How many had been written at the last sync."""
        self.gate = threading.Semaphore(0)
        self.error: OSError | None = None

    def replace(self, path: str, text: str, *, sync: bool = True, keep_previous: bool = False) -> None:
        assert self.gate.acquire(timeout=30)
        if self.error is not None:
            raise self.error
        self.written.append((text, sync))
        self.kept.append(keep_previous)

    def sync(self, path: str) -> None:
        self.synced = len(self.written)

    def allow(self, count: int) -> None:
        for _ in range(count):
            self.gate.release()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    slow = SlowDisk()
    monkeypatch.setattr(disk, "replace", slow.replace)
    monkeypatch.setattr(disk, "sync", slow.sync)
    monkeypatch.setattr(saver_module, "SYNC_DELAY_S", 0.0)
    yield slow
    slow.allow(100)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.002)


async def turns(slow: SlowDisk, count: int) -> None:
    """Wait for so many writes; then a little, in which one too many would show."""
    await until(lambda: len(slow.written) >= count)
    await asyncio.sleep(0.01)


async def test_only_the_youngest_of_several_texts_is_written(slow: SlowDisk) -> None:
    saver = Saver("f", asyncio.get_running_loop(), pytest.fail)
    for text in "abcde":
        saver.save_soon(text)
    slow.allow(5)
    await turns(slow, 2)
    assert slow.written == [("a", False), ("e", False)]
    saver.close()


async def test_promise_is_written_in_order_and_reported_when_synced(slow: SlowDisk) -> None:
    saver = Saver("f", asyncio.get_running_loop(), pytest.fail)
    done: list[str] = []
    saver.save_soon("a")
    saver.save_soon("b")
    saver.save("c", lambda: done.append("c"), sync=True)
    await asyncio.sleep(0.02)
    assert done == []
    slow.allow(5)
    await turns(slow, 2)
    assert slow.written == [("a", False), ("c", True)]  # b was overtaken: it must not replace c
    await until(lambda: done == ["c"])
    saver.close()


async def test_what_comes_after_a_promise_is_written_after_it(slow: SlowDisk) -> None:
    saver = Saver("f", asyncio.get_running_loop(), pytest.fail)
    saver.save("a", lambda: None, sync=True)
    saver.save_soon("b")
    slow.allow(5)
    await turns(slow, 2)
    assert slow.written == [("a", True), ("b", False)]
    saver.close()


async def test_only_a_synced_file_is_kept_as_the_previous_one(slow: SlowDisk) -> None:
    """A power cut may leave an unsynced file empty; the one beside it is what is left then."""
    saver = Saver("f", asyncio.get_running_loop(), pytest.fail)
    saver.save("a", lambda: None, sync=True)
    saver.save_soon("b")
    saver.save("c", lambda: None, sync=False)
    saver.save("d", lambda: None, sync=True)
    saver.save_soon("e")
    slow.allow(5)
    await turns(slow, 4)
    kept = dict(zip((text for text, _ in slow.written), slow.kept, strict=True))
    assert kept == {"a": True, "c": True, "d": False, "e": True}
    await until(lambda: slow.synced == 4)
    await asyncio.sleep(0.01)
    saver.save_soon("f")
    slow.allow(1)
    await turns(slow, 5)
    assert slow.kept[-1]
    saver.close()


async def test_a_failure_is_told_once_and_promises_nothing(slow: SlowDisk) -> None:
    failures: list[str] = []
    saver = Saver("f", asyncio.get_running_loop(), failures.append)
    slow.error = OSError(28, "No space left on device")
    saver.save("a", lambda: pytest.fail("the promise was made"), sync=True)
    saver.save("b", lambda: pytest.fail("the promise was made"), sync=True)
    slow.allow(5)
    await until(lambda: bool(failures))
    await asyncio.sleep(0.02)
    assert len(failures) == 1
    assert "cannot save f: " in failures[0]
    saver.close()


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "nodes.conf"
    saver = Saver(str(path), asyncio.get_running_loop(), pytest.fail)
    saver.save_soon("a")
    saver.save_soon("b")
    saver.close()
    assert path.read_text() == "b"
