"""Real managers beside a real cluster, asked over their HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from garrison.client import Client, ClientError
from garrison.cluster.core.topology import Address
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.local.ports import HOST, free_ports

LEASE_MS = 1_500
WAIT_S = 60.0


class RunningManager:
    """One process of `garrison manager run`. Use it as an async context manager."""

    def __init__(
        self, entries: LocalCluster | Sequence[Address], name: str, folder: Path, *options: str
    ) -> None:
        (self.port,) = free_ports(1)
        self.name = name
        self.log = folder / f"{name}.log"
        self._entries = entries
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._client = httpx.AsyncClient(base_url=f"http://{HOST}:{self.port}", timeout=20)

    async def __aenter__(self) -> Self:
        entries = self._entries
        if isinstance(entries, LocalCluster):
            entries = [node.address for node in entries.nodes[:3]]
        words = ["run", *map(str, entries), "--listen", f"{HOST}:{self.port}", "--id", self.name]
        words += ["--lease-ms", str(LEASE_MS), *self._options]
        with self.log.open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "garrison", "manager", *words, stdout=log, stderr=log
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), WAIT_S)

    async def get(self, path: str) -> Any:
        return (await self._client.get(path)).json()

    async def answer(self, method: str, path: str, document: Any = None) -> httpx.Response:
        return await self._client.request(method, path, json={} if document is None else document)

    async def send(self, method: str, path: str, document: Any = None) -> Any:
        answer = await self.answer(method, path, document)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def wait(self, path: str, until: Callable[[Any], bool]) -> Any:
        """The first document at `path` that is as wanted."""
        found: Any = None
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError, ValueError):
                found = await self.get(path)
                if until(found):
                    return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name} {path}: {found!r:.3000}\n{self.log.read_text()[-3000:]}")


async def leading(managers: list[RunningManager]) -> tuple[RunningManager, RunningManager]:
    """The manager that leads, and another."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for manager in managers:
            with contextlib.suppress(httpx.HTTPError, ValueError):
                if (await manager.get("/api/status"))["leads"]:
                    return manager, next(other for other in managers if other is not manager)
        await asyncio.sleep(0.05)
    raise AssertionError("\n".join(manager.log.read_text()[-2000:] for manager in managers))


class Caller:
    """Writes and reads keys all the time, and counts what goes wrong."""

    def __init__(self, client: Client[bytes], keys: int) -> None:
        self._client = client
        self._keys = keys
        self.calls = 0
        self.errors: list[str] = []

    async def run(self) -> None:
        number = 0
        while True:
            number = (number + 1) % self._keys
            try:
                await self._client.set(f"caller:{number}", str(number))
                found = await self._client.get(f"caller:{number}")
                if found != str(number).encode():
                    self.errors.append(f"caller:{number} is {found!r}")
            except ClientError as error:
                self.errors.append(f"{type(error).__name__}: {error}")
            self.calls += 2
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def calling(client: Client[bytes], keys: int = 500) -> AsyncIterator[Caller]:
    """A caller for the time of the block."""
    caller = Caller(client, keys)
    task = asyncio.create_task(caller.run())
    try:
        yield caller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
