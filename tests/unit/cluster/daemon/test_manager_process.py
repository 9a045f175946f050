"""All parts of one manager together, on a model of a cluster and a file of records."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from garrison.cluster.core.topology import Address
from garrison.cluster.daemon import deployment, manager_calls, observing
from garrison.cluster.daemon.manager_calls import RemoteManager, brief_manager
from garrison.cluster.daemon.manager_process import ManagerProcess, RunOptions
from garrison.cluster.daemon.run_command import read_all_tokens, server_tls
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.local.ports import HOST, free_ports
from garrison.cluster.manager.admin_client import Access
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster

ANN, BOB, CARL = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> TinyCluster:
    cluster = TinyCluster.of("a", "b", "a>c")

    def client(*arguments: Any) -> TinyCluster:
        return cluster

    monkeypatch.setattr(observing, "AdminClient", client)
    monkeypatch.setattr(deployment, "AdminClient", client)
    monkeypatch.setattr(observing, "DRAW_INTERVAL_S", 0.02)
    monkeypatch.setattr(manager_calls, "BRIEF_POLL_S", 0.005)
    return cluster


async def test_brief_manager_stores_what_the_next_one_reads(cluster: TinyCluster, tmp_path: Path) -> None:
    entries, records = [cluster.node("a").address], tmp_path / "records.json"
    async with brief_manager(entries, Access(), records) as manager:
        body = b"name: blue\nmode: act\n"
        (await manager.call("PUT", "/api/desired", body, "application/yaml")).document()
    async with brief_manager(entries, Access(), records) as manager:
        assert (await manager.call("GET", "/api/desired")).document()["name"] == "blue"
        status = (await manager.call("GET", "/api/status")).document()
        assert (status["leads"], status["keeping"]) == (True, "file")
    assert cluster.sent == []


async def test_process_serves_until_it_is_ended(cluster: TinyCluster, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    ready = asyncio.Event()
    options = RunOptions(
        entries=[cluster.node("a").address],
        id="m@h:1",
        listen=Address(HOST, port),
        records=tmp_path / "records.json",
    )
    process = ManagerProcess(options, ready.set)
    task = asyncio.create_task(process.run())
    await asyncio.wait_for(ready.wait(), 10)
    second = ManagerProcess(RunOptions(options.entries, "n@h:2", options.listen, watch_only=True))
    with pytest.raises(ManagerError, match="cannot listen"):
        await second.run()
    process.end()
    await asyncio.wait_for(task, 10)
    assert b"garrison_manager_leader" in process.metrics().encode()


def certificate_in(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: it makes the certificate of this test")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=manager", "-addext", f"subjectAltName=IP:{HOST}"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@dataclass
class Guarded:
    """A manager with TLS and tokens of two rights."""

    url: str
    certificate: Path
    act: Path
    read: Path

    def client(self, token: str = "") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, verify=self.trust())

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@pytest.fixture
async def guarded(cluster: TinyCluster, tmp_path: Path) -> AsyncIterator[Guarded]:
    certificate, key = certificate_in(tmp_path)
    act, read = tmp_path / "act", tmp_path / "read"
    act.write_text(f"ann {ANN}\ncarl {CARL}\n")
    read.write_text(f"bob {BOB}\n")
    (port,) = free_ports(1)
    options = RunOptions(
        entries=[cluster.node("a").address],
        id="m@h:1",
        listen=Address(HOST, port),
        tokens=read_all_tokens(act, read),
        tls=server_tls(certificate, key),
        records=tmp_path / "records.json",
    )
    ready = asyncio.Event()
    process = ManagerProcess(options, ready.set)
    task = asyncio.create_task(process.run())
    await asyncio.wait_for(ready.wait(), 10)
    async with asyncio.timeout(10):
        while not (process.driver.core.leads and process.desk.picture.nodes):
            await asyncio.sleep(0.01)
    yield Guarded(f"https://{HOST}:{port}", certificate, act, read)
    process.end()
    await asyncio.wait_for(task, 10)


async def test_nobody_gets_in_without_a_right_token(guarded: Guarded) -> None:
    for token in ("", "w" * 32, ANN[:-1], ANN + "x", f"{ANN} {BOB}"):
        async with guarded.client(token) as client:
            for path in ("/api/status", "/api/picture", "/api/events", "/api/audit", "/metrics"):
                answer = await client.get(path)
                assert (path, answer.status_code) == (path, 401)
                assert "m@h:1" not in answer.text
            assert (await client.post("/api/pause")).status_code == 401
            assert (await client.get("/healthz")).status_code == 200
    async with guarded.client() as client:
        basic = await client.get("/api/status", headers={"Authorization": f"Basic {ANN}"})
        assert basic.status_code == 401
        assert (await client.get(f"/api/status?token={ANN}")).status_code == 401


async def test_token_that_reads_may_not_act(guarded: Guarded) -> None:
    async with guarded.client(BOB) as client:
        assert (await client.get("/api/status")).json()["leads"]
        assert (await client.get("/api/picture")).json()["read_only"]
        assert (await client.get("/metrics")).status_code == 200
        acts = [
            ("POST", "/api/pause"),
            ("POST", "/api/resume"),
            ("POST", "/api/undo"),
            ("PUT", "/api/desired"),
            ("POST", "/api/plan/x/consent"),
            ("POST", "/api/jobs/job-1/stop"),
            ("POST", "/api/jobs/job-1/resume"),
        ]
        for method, path in acts:
            assert (path, (await client.request(method, path, json={})).status_code) == (path, 403)
        assert (await client.get("/api/audit")).json() == []


async def test_history_names_who_asked(guarded: Guarded) -> None:
    for token, path in ((ANN, "/api/pause"), (CARL, "/api/resume")):
        async with guarded.client(token) as client:
            assert (await client.post(path, json={})).status_code == 200
    async with guarded.client(BOB) as client:
        audit = (await client.get("/api/audit")).json()
        assert [entry["by"] for entry in audit] == ["carl", "ann"]
        assert not (await client.get("/api/picture")).json()["paused_by"]
        shown = (await client.get("/api/audit")).text
    assert not any(token in shown for token in (ANN, BOB, CARL))


async def test_certificate_is_shown_and_checked(guarded: Guarded) -> None:
    async with httpx.AsyncClient(base_url=guarded.url) as stranger:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await stranger.get("/healthz")
    async with httpx.AsyncClient(base_url=guarded.url.replace("https", "http")) as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get("/api/status", headers={"Authorization": f"Bearer {ANN}"})


async def test_commands_speak_tls_with_a_token(guarded: Guarded) -> None:
    manager = RemoteManager(guarded.url, ANN, guarded.trust(), 5.0)
    assert (await manager.call("GET", "/api/status")).document()["leads"]
    wrong = RemoteManager(guarded.url, "w" * 32, guarded.trust(), 5.0)
    with pytest.raises(UnreachableError, match="--token-file"):
        (await wrong.call("GET", "/api/status")).document()
    reader = RemoteManager(guarded.url, BOB, guarded.trust(), 5.0)
    with pytest.raises(UnreachableError, match="only read"):
        (await reader.call("POST", "/api/pause", b"{}")).document()
    stranger = RemoteManager(guarded.url, ANN, None, 5.0)
    with pytest.raises(UnreachableError, match="certificate"):
        await stranger.call("GET", "/api/status")
