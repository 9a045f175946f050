"""The administrator's scripts: how many, how long, how often."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from garrison.base.log import Log
from garrison.base.process import new_loop
from garrison.sentinel.core.effects import RunScript
from garrison.sentinel.shell.scripts import Scripts

Make = Callable[..., Scripts]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Scripts] = []

    def scripts(runtime_ms: int = 10_000, delay_ms: int = 1, **limits: int) -> Scripts:
        log = Log(str(tmp_path / "log"))
        made.append(Scripts(asyncio.get_running_loop(), log, lambda: (runtime_ms, delay_ms), **limits))
        return made[-1]

    yield scripts
    for each in made:
        await each.close()


def script(tmp_path: Path, body: str, name: str = "script") -> str:
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\ncd {tmp_path}\n{body}\n")
    path.chmod(stat.S_IRWXU)
    return str(path)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_it_gets_its_arguments(make: Make, tmp_path: Path) -> None:
    scripts = make()
    scripts.run(RunScript(script(tmp_path, 'echo "$1|$2" > out'), ("+odown", "master a b")))
    assert (scripts.queued, scripts.running) == (1, 1)
    await until(lambda: scripts.queued == 0)
    assert lines(tmp_path / "out") == ["+odown|master a b"]


def test_it_inherits_no_descriptors(tmp_path: Path) -> None:
    """On the loop of a Sentinel's process, which by itself would hand on all that is inheritable."""

    async def run() -> None:
        scripts = Scripts(asyncio.get_running_loop(), Log(str(tmp_path / "log")), lambda: (10_000, 1))
        scripts.run(RunScript(script(tmp_path, "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done > out"), ()))
        await until(lambda: scripts.queued == 0)

    pipe = os.pipe()
    try:
        for descriptor in pipe:
            os.set_inheritable(descriptor, True)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(run())
    finally:
        for descriptor in pipe:
            os.close(descriptor)
    # The shell itself keeps its script open, at 10 or above.
    assert not {str(descriptor) for descriptor in pipe} & set(lines(tmp_path / "out"))


async def test_exit_code_1_is_tried_again_a_limited_number_of_times(make: Make, tmp_path: Path) -> None:
    scripts = make(retries_max=4)
    scripts.run(RunScript(script(tmp_path, "echo run >> out; exit 1"), ()))
    await until(lambda: scripts.queued == 0)
    assert len(lines(tmp_path / "out")) == 4
    assert "exit code 1" in (tmp_path / "log").read_text()


async def test_it_waits_longer_before_each_new_try(make: Make, tmp_path: Path) -> None:
    scripts = make(delay_ms=300)
    scripts.run(RunScript(script(tmp_path, "echo run >> out; test $(wc -l < out) = 3 || exit 1"), ()))
    await until(lambda: len(lines(tmp_path / "out")) == 1 and not scripts.running)
    (waiting,) = scripts.pending()
    assert waiting["flags"] == "scheduled"
    assert 0 < int(str(waiting["run-delay"])) <= 300
    await until(lambda: len(lines(tmp_path / "out")) == 2 and not scripts.running)
    assert int(str(scripts.pending()[0]["run-delay"])) > 300
    await until(lambda: scripts.queued == 0)


async def test_exit_code_2_is_final(make: Make, tmp_path: Path) -> None:
    scripts = make()
    scripts.run(RunScript(script(tmp_path, "echo run >> out; exit 2"), ()))
    await until(lambda: scripts.queued == 0)
    assert lines(tmp_path / "out") == ["run"]


async def test_one_that_cannot_be_started_is_logged(make: Make, tmp_path: Path) -> None:
    scripts = make()
    scripts.run(RunScript(str(tmp_path / "nothing"), ()))
    await until(lambda: scripts.queued == 0)
    assert "cannot be started" in (tmp_path / "log").read_text()


async def test_one_that_runs_too_long_is_killed_with_its_children(make: Make, tmp_path: Path) -> None:
    scripts = make(runtime_ms=400, retries_max=1)
    scripts.run(RunScript(script(tmp_path, "sleep 60 &\necho $! > child\nwait"), ()))
    await until(lambda: scripts.queued == 0)
    assert "-script-timeout" in (tmp_path / "log").read_text()
    child = int(lines(tmp_path / "child")[0])
    await until(lambda: _is_gone(child))


def _is_gone(pid: int) -> bool:
    """Whether a process has ended; it may still wait to be collected by somebody."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_at_most_so_many_run_and_wait(make: Make, tmp_path: Path) -> None:
    scripts = make(running_max=2, queue_length_max=4)
    path = script(tmp_path, 'echo "$1" >> out; while [ ! -e go ]; do sleep 0.02; done')
    for number in range(6):
        scripts.run(RunScript(path, (str(number),)))
    assert (scripts.running, scripts.queued) == (2, 4)
    assert [each["flags"] for each in scripts.pending()] == ["running"] * 2 + ["scheduled"] * 2
    (tmp_path / "go").touch()
    await until(lambda: scripts.queued == 0)
    assert sorted(lines(tmp_path / "out")) == ["0", "1", "4", "5"]
    assert (tmp_path / "log").read_text().count("-script-dropped") == 2


async def test_closing_ends_what_runs(make: Make, tmp_path: Path) -> None:
    scripts = make()
    scripts.run(RunScript(script(tmp_path, "echo $$ > pid; sleep 60"), ()))
    await until(lambda: bool(lines(tmp_path / "pid")))
    await scripts.close()
    pid = int(lines(tmp_path / "pid")[0])
    await until(lambda: _is_gone(pid))
    assert os.getpid() != pid
