"""The administrator's scripts: a few at a time, for a limited time, again when they ask for it.

BEHAVIOUR. Exit code 0 is success. Code 1, or an end by a signal, asks to be run again later: after 30 s, then
60 s, and so on, at most `script-retries-max` times in all. Codes from 2 up mean: do not try again. A script
that runs longer than `script-max-runtime` is killed, with all that it has started, and counts as ended by a
signal. While more than `scripts-queue-length-max` wait, the oldest that has not started is dropped.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from garrison.base.log import Log
from garrison.sentinel.core.effects import RunScript

KILLED_WAIT_S = 5.0
DESCRIPTORS = "/proc/self/fd"


@dataclass
class Job:
    """One script that runs or waits. Times are those of the loop, in seconds."""

    script: RunScript
    tries: int = 0
    process: asyncio.subprocess.Process | None = None
    started_s: float = 0.0
    due_s: float = 0.0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self.started_s > 0


Periods = Callable[[], tuple[int, int]]
"""`script-max-runtime` and `script-retry-delay`, which SENTINEL DEBUG may change, in milliseconds."""


class Scripts:
    """Runs scripts; everything happens on the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        log: Log,
        periods: Periods,
        *,
        running_max: int = 16,
        queue_length_max: int = 256,
        retries_max: int = 10,
    ) -> None:
        self._loop = loop
        self._log = log
        self._periods = periods
        self._running_max, self._queue_length_max = running_max, queue_length_max
        self._retries_max = retries_max
        self._jobs: list[Job] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def running(self) -> int:
        return sum(job.is_running for job in self._jobs)

    @property
    def queued(self) -> int:
        return len(self._jobs)

    def run(self, script: RunScript) -> None:
        """Start a script as soon as there is room."""
        if self._closed:
            return
        self._jobs.append(Job(script))
        while len(self._jobs) > self._queue_length_max:
            oldest = next((job for job in self._jobs if not job.is_running), None)
            if oldest is None:
                break
            self._forget(oldest)
            self._log.warning(f"-script-dropped {_shown(oldest.script)}: scripts-queue-length-max is reached")
        self._start_some()

    def pending(self) -> list[dict[str, object]]:
        """What SENTINEL PENDING-SCRIPTS answers."""
        now_s = self._loop.time()
        return [
            {
                "argv": [job.script.path, *job.script.arguments],
                "flags": "running" if job.is_running else "scheduled",
                "pid": str(job.process.pid if job.process is not None else 0),
                "run-time" if job.is_running else "run-delay": str(
                    int((now_s - job.started_s if job.is_running else max(0.0, job.due_s - now_s)) * 1000)
                ),
                "retry-num": str(job.tries),
            }
            for job in self._jobs
        ]

    async def close(self) -> None:
        """Kill what runs and forget what waits."""
        self._closed = True
        for job in self._jobs:
            if job.timer is not None:
                job.timer.cancel()
            _kill(job)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=KILLED_WAIT_S)

    def _start_some(self) -> None:
        now_s = self._loop.time()
        free = self._running_max - self.running
        for job in list(self._jobs):
            if free <= 0:
                return
            if not job.is_running and job.due_s <= now_s and not self._closed:
                free -= 1
                job.tries += 1
                job.started_s = now_s
                task = self._loop.create_task(self._watch(job))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _watch(self, job: Job) -> None:
        """One run of one script, from its start to what follows from its end."""
        code = await self._one_run(job)
        job.process, job.started_s = None, 0.0
        if self._closed:
            return
        retry = code == 1 or code < 0
        if retry and job.tries < self._retries_max:
            _, delay_ms = self._periods()
            delay_s = delay_ms / 1000 * 2 ** (job.tries - 1)
            job.due_s = self._loop.time() + delay_s
            job.timer = self._loop.call_later(delay_s, self._start_some)
        else:
            self._forget(job)
            if code:
                self._log.warning(f"-script-error {_shown(job.script)} {_ending(code)}")
        self._start_some()

    async def _one_run(self, job: Job) -> int:
        """The exit code, or minus the signal; 2 where it could not even be started."""
        try:
            job.process = await asyncio.create_subprocess_exec(
                job.script.path,
                *job.script.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_keep_standard_descriptors,
            )
        except (OSError, ValueError) as error:
            self._log.warning(f"-script-error {_shown(job.script)} cannot be started: {error}")
            return 2
        runtime_ms, _ = self._periods()
        try:
            async with asyncio.timeout(runtime_ms / 1000):
                return await job.process.wait()
        except TimeoutError:
            self._log.warning(f"-script-timeout {_shown(job.script)} {job.process.pid}")
            _kill(job)
            return await job.process.wait()

    def _forget(self, job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
        if job in self._jobs:
            self._jobs.remove(job)


def _keep_standard_descriptors() -> None:
    """In the child: only input, output and error go on to the script. uvloop hands on what is inheritable."""
    for name in os.listdir(DESCRIPTORS):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                pass  # That of the listing itself is closed by now.


def _kill(job: Job) -> None:
    """End a script and whatever it has started: it has a session of its own."""
    if job.process is not None and job.process.returncode is None:
        try:
            os.killpg(job.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _shown(script: RunScript) -> str:
    return " ".join((script.path, *script.arguments))


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"exit code {code}"
