"""Writes the tables of docs/manager-reference.md anew from the code that they describe.

    .venv/bin/python docs/manager_tables.py

Each stands between `<!-- table: NAME -->` and `<!-- end -->`. `tests/unit/house/test_manager_docs.py` holds
the document to them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel

REFERENCE = Path(__file__).with_name("manager-reference.md")
sys.path.insert(0, str(REFERENCE.parents[1]))

from garrison.cluster.core.manager.desired import (  # noqa: E402
    BackupWish,
    DesiredState,
    NodeWish,
    Window,
)
from garrison.cluster.core.manager.manager_settings import ManagerSettings  # noqa: E402
from garrison.cluster.daemon.http_api import ROUTES  # noqa: E402
from garrison.cluster.daemon.http_limits import HttpLimits  # noqa: E402

PARTS: dict[str, tuple[str, type[BaseModel]]] = {
    "nodes": ("nodes.NAME.", NodeWish),
    "windows": ("windows[].", Window),
    "backups": ("backups[].", BackupWish),
}
"""Fields that hold more of the same: how the table names what is in them."""
NOT_SET = {"id", "keeping"}
"""Settings of a manager that `run` itself decides."""


def desired_rows(model: type[BaseModel] = DesiredState, prefix: str = "") -> Iterator[tuple[str, ...]]:
    """Field, default and meaning of each field, parts behind what holds them."""
    for name, field in model.model_fields.items():
        part = PARTS.get(name) if not prefix else None
        if part:
            yield from desired_rows(part[1], part[0])
        elif isinstance(field.default, BaseModel):
            yield from desired_rows(type(field.default), f"{prefix}{name}.")
        else:
            default = "needed" if field.is_required() else shown(field.default)
            yield f"`{prefix}{name}`", default, field.description or ""


def shown(value: Any) -> str:
    """A default as a person writes it in the document."""
    if value is None or value in ("", (), {}):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return value.strftime("%H:%M") if hasattr(value, "strftime") else str(value)


def route_rows() -> Iterator[tuple[str, ...]]:
    """Request, the right that it needs, and what it does."""
    for route in ROUTES:
        names = "&".join(name for name, _ in route.query)
        query = f"?{names}" if names else ""
        yield f"`{route.method} {route.path}{query}`", route.right, route.summary


def limit_rows() -> Iterator[tuple[str, ...]]:
    """The limits of the HTTP server and of the manager itself."""
    for limit in fields(HttpLimits):
        yield f"`{limit.name}`", f"{limit.default:,}", "of the HTTP server"
    for name, setting in ManagerSettings.model_fields.items():
        if name not in NOT_SET and isinstance(setting.default, (int, float)):
            yield f"`{name}`", f"{setting.default:,}", setting.description or ""


TABLES = {
    "desired": (("field", "default", "meaning"), desired_rows),
    "routes": (("request", "right", "what it does"), route_rows),
    "limits": (("limit", "value", "of what"), limit_rows),
}


def table(name: str) -> str:
    """The lines of one table."""
    head, rows = TABLES[name]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows()]
    return "\n".join(lines)


def with_tables(text: str) -> str:
    """The document with its tables as they are to be."""
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{table(found[2])}\n{found[3]}",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    REFERENCE.write_text(with_tables(REFERENCE.read_text()))
