"""What the documentation shows is run: the examples of docs/client.md, and the docstrings' doctests."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any, Self

import pytest

from garrison.client import connect, recipes
from garrison.client.settings import Settings
from garrison.cluster.local import cluster as local_cluster

from .conftest import need
from .servers import ServerProcess, running_sentinel

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "client.md"
RECIPES = ROOT / "docs" / "recipes.md"
DOCTESTED = (
    "core.slots",
    "core.resp",
    "core.commands",
    "core.topology",
    "core.sentinel_replies",
    "core.url",
    "core.habits",
    "core.fanout",
    "core.waits",
    "commands.arguments",
)


async def test_the_examples_of_the_page_run_in_order(shared_cluster: list[ServerProcess]) -> None:
    blocks = [block for block in blocks_of_the_page() if "sentinel://" not in block and not runs_lua(block)]
    assert len(blocks) >= 10
    async with await connect(f"redis://127.0.0.1:{shared_cluster[0].port}") as client:
        await client.flushall()
    await run(blocks, on(shared_cluster[0]))


async def test_the_examples_with_scripts_run(shared_cluster: list[ServerProcess]) -> None:
    await prepared_for_scripts(shared_cluster[0])
    blocks = [block for block in blocks_of_the_page() if runs_lua(block)]
    assert len(blocks) == 2
    await run([blocks_of_the_page()[0], *blocks, "await client.close()"], on(shared_cluster[0]))


async def test_the_recipes_run_in_a_cluster(shared_cluster: list[ServerProcess]) -> None:
    await prepared_for_scripts(shared_cluster[0])
    await run(blocks_of(RECIPES), on(shared_cluster[0]))


async def test_the_recipes_run_on_a_server(any_server: ServerProcess) -> None:
    await prepared_for_scripts(any_server)
    await run(blocks_of(RECIPES), on(any_server))


def test_every_recipe_is_documented_and_linked() -> None:
    page, readme = RECIPES.read_text(), (ROOT / "README.md").read_text()
    sections = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert len(sections) == 9
    for section in sections:
        anchor = f"#{section.lower().replace(' ', '-')}"
        assert f"]({anchor})" in page
        assert f"](docs/recipes.md{anchor})" in readme
    shown = set(re.findall(r"\w+", " ".join(re.findall(r"recipes import (.*)", page))))
    classes = {name for name in recipes.__all__ if hasattr(getattr(recipes, name), "__init_subclass__")}
    made_by_others = {"Filter", "Job", "Leader", "QueueSizes", "SaleOutcome", "Verdict", "IdempotentOutcome"}
    errors = {name for name in classes if name.endswith("Error")}
    assert classes - made_by_others - errors - shown == {"BitmapFilter", "BloomFilter", "choose_filter"}


def runs_lua(block: str) -> bool:
    return "register_script" in block or "function_load" in block


def on(server: ServerProcess) -> dict[str, str]:
    """What stands in the examples, and what it is in this run."""
    port = server.port
    return {"127.0.0.1:7000": f"127.0.0.1:{port}", '"127.0.0.1", 7000': f'"127.0.0.1", {port}'}


async def prepared_for_scripts(server: ServerProcess) -> None:
    async with await connect(f"redis://127.0.0.1:{server.port}") as client:
        await need(client, "EVAL", "return 1", 0)
        await need(client, "FUNCTION", "LIST")
        await client.flushall()


async def test_the_examples_with_sentinels_run(redis_server: ServerProcess, tmp_path: Path) -> None:
    blocks = [block for block in blocks_of_the_page() if "sentinel://" in block]
    assert len(blocks) == 2
    path = tmp_path / "sentinel.conf"
    path.write_text(f"sentinel monitor mymaster 127.0.0.1 {redis_server.port} 1\n")
    with running_sentinel(tmp_path, path) as port:
        await run(blocks, {"127.0.0.1:26379": f"127.0.0.1:{port}"})


async def test_the_examples_of_the_readme_run(
    shared_cluster: list[ServerProcess], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the lines that start something: the client's `asyncio.run`, and pytest's own cluster."""
    url = f"127.0.0.1:{shared_cluster[0].port}"
    async with await connect(f"redis://{url}") as client:
        await client.flushall()
    of_redis_py, of_client, of_pytest = blocks_of(ROOT / "README.md")
    await run([of_redis_py], {"port=7000": f"port={shared_cluster[0].port}"})
    block = of_client.replace("asyncio.run(main())", "await main()")
    monkeypatch.setattr(local_cluster, "LocalCluster", lambda **options: RunningCluster(f"redis://{url}"))
    await run([f"{block}\n{of_pytest}\nawait test_my_code()"], {"127.0.0.1:7000": url})
    assert capsys.readouterr().out == "b'alice'\n[b'alice', None]\n"


@dataclass
class RunningCluster:
    """Stands in for a local cluster, which takes seconds to start and is tested elsewhere."""

    url: str

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None: ...


def blocks_of_the_page() -> list[str]:
    return blocks_of(PAGE)


def blocks_of(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_examples_of_all_pages_are_typed(tmp_path: Path) -> None:
    """What a reader copies passes mypy --strict; the blocks of a page are one program, as they run."""
    pages = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if blocks_of(page)]
    assert {page.name for page in pages} >= {"README.md", "client.md"}
    modules = []
    for page in pages:
        blocks = blocks_of(page)
        if "await" in "".join(line for block in blocks for line in block.splitlines() if line[:1] != " "):
            blocks = ["async def page() -> None:\n", *(indent(block, "    ") for block in blocks)]
        modules.append(tmp_path / f"{page.stem.lower()}_page.py")
        modules[-1].write_text("\n".join(blocks))
    # The configuration of the tree is strict, and with its cache only the pages themselves are analysed.
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    command = [sys.executable, "-m", "mypy", *options, *map(str, modules)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def run(blocks: list[str], replacements: dict[str, str]) -> None:
    names: dict[str, Any] = {}
    for block in blocks:
        source = block
        for written, real in replacements.items():
            source = source.replace(written, real)
        code = compile(source, f"{PAGE.name}: {block[:40]!r}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.iscoroutine(result):
            await result


@pytest.mark.parametrize("name", DOCTESTED)
def test_doctests(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"garrison.client.{name}"))
    assert tried > 0
    assert failed == 0


def test_every_option_name_ends_with_its_unit() -> None:
    switches = {"username", "password", "client_name", "database", "protocol", "decode", "retry"}
    switches |= {"sentinel_username", "sentinel_password", "sentinel_tls"}
    for name in Settings.model_fields:
        assert name in switches or name.endswith(("_s", "_max")), name
    assert set(re.findall(r"`(\w+_(?:s|max))`", PAGE.read_text())) <= set(Settings.model_fields)
