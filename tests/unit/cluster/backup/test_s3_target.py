"""Backups in a bucket, of a local server that speaks S3."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.client import Client
from garrison.cluster.backup import s3_target
from garrison.cluster.backup.backup_commands import RestoreRequest, create, list_backups, restore, verify
from garrison.cluster.backup.s3_target import BucketTarget, part_bytes
from garrison.cluster.errors import ManagerError, UsageProblem
from garrison.cluster.manager.session import Session
from tests.conftest import find_free_port
from tests.unit.cluster.backup.conftest import KEYS, address_of

START_TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a bucket named ``bucket``."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    log = (tmp_path_factory.mktemp("moto") / "log").open("wb")
    words = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT")).close()
                break
            except OSError:
                assert process.poll() is None, Path(log.name).read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


async def test_backups_are_taken_verified_restored(
    session: Session, endpoint: str, source: Client[bytes], empty: Client[bytes]
) -> None:
    target = BucketTarget("s3://bucket/some/where", endpoint)
    first = (await create(session, target, address_of(source))).backup
    await source.set("later", "1")
    second = (await create(session, target, address_of(source), incremental=True)).backup
    listed = await list_backups(session, target)
    assert [record.id for record in listed.backups] == [first.id, second.id]
    assert [shard.keys for shard in (await verify(session, target, "latest")).shards] == [KEYS + 1]
    await restore(session, target, RestoreRequest("latest", address_of(empty)))
    assert await empty.call("DBSIZE") == KEYS + 1
    for record in (first, second):
        await target.remove(record.id)
    assert await target.folders() == {}


async def test_big_file_goes_in_parts(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_target, "PART_BYTES", 5 << 20)
    target = BucketTarget("s3://bucket", endpoint)
    data = bytes(range(256)) * 4096
    async with target.writing("b1", "x.rdb") as sink:
        for _ in range(12):
            await sink.write(data)
    found = [piece async for piece in target.read("b1", "x.rdb")]
    assert b"".join(found) == data * 12
    assert len(found) > 1
    await target.remove("b1")


async def test_nothing_is_there_of_a_broken_upload(endpoint: str) -> None:
    target = BucketTarget("s3://bucket/broken", endpoint)

    async def break_off() -> None:
        async with target.writing("b1", "x.rdb") as sink:
            await sink.write(b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await break_off()
    assert await target.folders() == {}
    uploads = target._client.list_multipart_uploads(Bucket="bucket", Prefix="broken/")
    assert "Uploads" not in uploads


async def test_missing_bucket_is_told(endpoint: str) -> None:
    with pytest.raises(ManagerError, match=r"s3://nowhere/x: .*make the bucket first"):
        await BucketTarget("s3://nowhere/x", endpoint).folders()


async def test_silent_server_is_told(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_target, "ATTEMPTS_MAX", 1)
    with pytest.raises(ManagerError, match="check --endpoint"):
        await BucketTarget("s3://bucket", f"http://127.0.0.1:{free_port}").folders()


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://bucket/x?y"])
def test_place_without_bucket_is_refused(url: str) -> None:
    with pytest.raises(UsageProblem, match="write s3://bucket/prefix"):
        BucketTarget(url)


def test_bad_endpoint_is_refused() -> None:
    with pytest.raises(UsageProblem, match="cannot reach the bucket"):
        BucketTarget("s3://bucket", "nonsense")


def test_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(UsageProblem, match=r"pip install 'garrison\[s3\]'"):
        BucketTarget("s3://bucket")


def test_parts_grow() -> None:
    assert [part_bytes(number) >> 20 for number in (1, 1000, 1001, 10_000)] == [16, 16, 32, 160]
