"""Function libraries on the primaries of a real cluster."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError, UnreachableError, UsageProblem
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.manager import functions
from garrison.cluster.manager.session import Session

pytestmark = pytest.mark.asyncio(loop_scope="module")


def source(name: str, answer: int) -> str:
    return f"#!lua name={name}\nredis.register_function('{name}_get', function() return {answer} end)\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(primaries=3, replicas=0) as cluster:
        yield cluster


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(running: LocalCluster) -> LocalCluster:
    """A cluster without libraries."""
    await at_all(running, "FUNCTION", "FLUSH")
    return running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two libraries, and a file that is none."""
    (tmp_path / "billing.lua").write_text(source("billing", 1))
    (tmp_path / "stock.lua").write_text(source("stock", 2))
    (tmp_path / "README").write_text("what these are")
    return tmp_path


def entry(cluster: LocalCluster) -> Address:
    return cluster.nodes[0].address


async def at_all(cluster: LocalCluster, *command: str) -> list[object]:
    async with cluster.admin() as admin:
        return [await admin.call(node.address, *command) for node in cluster.nodes]


async def at_second(cluster: LocalCluster, *command: str) -> None:
    async with cluster.admin() as admin:
        await admin.call(cluster.nodes[1].address, *command)


async def test_push_loads_at_all_primaries(cluster: LocalCluster, folder: Path) -> None:
    report = await functions.push(Session(), entry(cluster), [folder])
    assert [(each.library, len(each.loaded), each.unchanged) for each in report.libraries] == [
        ("billing", 3, []),
        ("stock", 3, []),
    ]
    assert await at_all(cluster, "FCALL", "stock_get", "0") == [2, 2, 2]
    again = await functions.push(Session(), entry(cluster), [folder])
    assert [len(each.unchanged) for each in again.libraries] == [3, 3]


async def test_push_replaces_where_it_differs(cluster: LocalCluster, folder: Path) -> None:
    await functions.push(Session(), entry(cluster), [folder])
    await at_second(cluster, "FUNCTION", "LOAD", "REPLACE", source("stock", 3))
    report = await functions.push(Session(), entry(cluster), [folder / "stock.lua"])
    assert [each.loaded for each in report.libraries] == [[str(cluster.nodes[1].address)]]
    assert await at_all(cluster, "FCALL", "stock_get", "0") == [2, 2, 2]


async def test_dry_run_loads_nothing(cluster: LocalCluster, folder: Path) -> None:
    report = await functions.push(Session(dry_run=True), entry(cluster), [folder])
    assert [len(each.loaded) for each in report.libraries] == [3, 3]
    assert await at_all(cluster, "FUNCTION", "LIST") == [[], [], []]


async def test_refused_source_changes_no_primary(cluster: LocalCluster, tmp_path: Path) -> None:
    path = tmp_path / "broken.lua"
    path.write_text("#!lua name=broken\nthis is not Lua")
    with pytest.raises(ManagerError, match="refused FUNCTION LOAD REPLACE"):
        await functions.push(Session(), entry(cluster), [path])
    assert await at_all(cluster, "FUNCTION", "LIST") == [[], [], []]


async def test_diff_finds_drift_between_primaries(cluster: LocalCluster, folder: Path) -> None:
    await functions.push(Session(), entry(cluster), [folder])
    same = await functions.diff(Session(), entry(cluster), [])
    assert (same.ok, same.libraries, len(same.primaries), same.differences) == (True, 2, 3, [])
    await at_second(cluster, "FUNCTION", "LOAD", "REPLACE", source("stock", 3))
    await at_second(cluster, "FUNCTION", "DELETE", "billing")
    report = await functions.diff(Session(), entry(cluster), [])
    second = [str(cluster.nodes[1].address)]
    assert not report.ok
    assert [(each.library, each.kind, each.nodes) for each in report.differences] == [
        ("billing", "missing", second),
        ("stock", "different", second),
    ]
    assert "-redis.register_function('stock_get', function() return 2 end)" in report.differences[1].lines


async def test_diff_compares_with_files(cluster: LocalCluster, folder: Path) -> None:
    await functions.push(Session(), entry(cluster), [folder])
    assert (await functions.diff(Session(), entry(cluster), [folder])).ok
    (folder / "billing.lua").write_text(source("billing", 4))
    report = await functions.diff(Session(), entry(cluster), [folder / "billing.lua"])
    assert [(each.library, each.kind, len(each.nodes)) for each in report.differences] == [
        ("billing", "different", 3)
    ]
    (folder / "stock.lua").unlink()
    report = await functions.diff(Session(), entry(cluster), [folder])
    assert [each.kind for each in report.differences] == ["different", "unknown"]


async def test_list_says_who_has_which_version(cluster: LocalCluster, folder: Path) -> None:
    await functions.push(Session(), entry(cluster), [folder])
    await at_second(cluster, "FUNCTION", "LOAD", "REPLACE", source("stock", 3))
    report = await functions.list_(Session(), entry(cluster))
    shown = [(each.name, each.engine, each.functions, len(each.nodes)) for each in report.libraries]
    assert sorted(shown) == [
        ("billing", "LUA", ["billing_get"], 3),
        ("stock", "LUA", ["stock_get"], 1),
        ("stock", "LUA", ["stock_get"], 2),
    ]
    assert len({each.version for each in report.libraries}) == 3


async def test_command_line_ends_with_one_on_drift(cluster: LocalCluster, folder: Path) -> None:
    async def cli(*words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "garrison.cluster", "functions", *words), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    host, port = "127.0.0.1", str(entry(cluster).port)
    code, shown = await cli("push", host, port, str(folder))
    assert (code, shown.count("loaded at 127.0.0.1:")) == (0, 2)
    await at_second(cluster, "FUNCTION", "DELETE", "stock")
    code, shown = await cli("diff", port, str(folder), "--json")
    assert code == 1
    assert [each["kind"] for each in json.loads(shown)["differences"]] == ["missing"]
    code, shown = await cli("list", port)
    assert code == 0
    assert "all 3" in shown


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["README"], "README has no library: it does not begin with a line"),
        (["nowhere.lua"], "cannot read .*nowhere.lua: No such file"),
        (["empty"], "empty has no library: no file in it begins"),
        (["stock.lua", "copy.lua"], "are both named stock; rename one"),
    ],
)
async def test_unusable_files_are_refused(folder: Path, names: list[str], hint: str) -> None:
    (folder / "copy.lua").write_text(source("stock", 2))
    (folder / "empty").mkdir()
    with pytest.raises(UsageProblem, match=hint):
        functions.read_files([folder / name for name in names])


async def test_silent_primary_stops_the_push(cluster: LocalCluster, folder: Path) -> None:
    """The last of this file: the node stays dead."""
    await cluster.nodes[2].kill()
    with pytest.raises(UnreachableError, match="nothing was changed"):
        await functions.push(Session(), entry(cluster), [folder])
    async with cluster.admin() as admin:
        assert await admin.call(entry(cluster), "FUNCTION", "LIST") == []
    report = await functions.list_(Session(), entry(cluster))
    assert report.unreachable == [str(cluster.nodes[2].address)]
