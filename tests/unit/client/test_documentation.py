"""What the documentation shows is run: the examples of docs/client.md, and the docstrings' doctests."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from garrison.client import connect
from garrison.client.settings import Settings

from .servers import ServerProcess

PAGE = Path(__file__).parents[3] / "docs" / "client.md"
DOCTESTED = (
    "core.slots",
    "core.resp",
    "core.commands",
    "core.topology",
    "core.sentinel_replies",
    "core.url",
    "core.fanout",
    "commands.base",
)


async def test_the_examples_of_the_page_run_in_order(shared_cluster: list[ServerProcess]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 10
    async with await connect(f"redis://127.0.0.1:{shared_cluster[0].port}") as client:
        await client.flushall()
    names: dict[str, Any] = {}
    for block in blocks:
        source = block.replace("127.0.0.1:7000", f"127.0.0.1:{shared_cluster[0].port}")
        source = source.replace('"127.0.0.1", 7000', f'"127.0.0.1", {shared_cluster[0].port}')
        code = compile(source, f"{PAGE.name}: {block[:40]!r}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.iscoroutine(result):
            await result


@pytest.mark.parametrize("name", DOCTESTED)
def test_doctests(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"garrison.client.{name}"))
    assert tried > 0
    assert failed == 0


def test_every_option_is_a_limit_a_time_or_a_switch_with_its_unit_last() -> None:
    switches = {"username", "password", "client_name", "database", "protocol", "decode", "retry"}
    switches |= {"sentinel_username", "sentinel_password", "sentinel_tls"}
    for name in Settings.model_fields:
        assert name in switches or name.endswith(("_s", "_max")), name
    assert set(re.findall(r"`(\w+_(?:s|max))`", PAGE.read_text())) <= set(Settings.model_fields)
