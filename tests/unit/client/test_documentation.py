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
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from garrison.client import connect
from garrison.client.settings import Settings

from .servers import ServerProcess, running_sentinel

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "client.md"
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
    blocks = [block for block in blocks_of_the_page() if "sentinel://" not in block]
    assert len(blocks) >= 10
    async with await connect(f"redis://127.0.0.1:{shared_cluster[0].port}") as client:
        await client.flushall()
    port = shared_cluster[0].port
    await run(blocks, {"127.0.0.1:7000": f"127.0.0.1:{port}", '"127.0.0.1", 7000': f'"127.0.0.1", {port}'})


async def test_the_examples_with_sentinels_run(redis_server: ServerProcess, tmp_path: Path) -> None:
    blocks = [block for block in blocks_of_the_page() if "sentinel://" in block]
    assert len(blocks) == 2
    path = tmp_path / "sentinel.conf"
    path.write_text(f"sentinel monitor mymaster 127.0.0.1 {redis_server.port} 1\n")
    with running_sentinel(tmp_path, path) as port:
        await run(blocks, {"127.0.0.1:26379": f"127.0.0.1:{port}"})


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
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, modules)]
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
