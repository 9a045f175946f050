"""What was asked for and is not done in this version, in words for the log.

The rule: what is accepted works, or a line says at each start and at each CONFIG SET that it does not. A node
that keeps silent about a promise it does not keep loses data whose owner believes that it is safe.
"""

from __future__ import annotations

import os

import garrison
from garrison.base.about import COMPATIBILITY_URL
from garrison.node.config import Config
from garrison.node.directives import DIRECTIVES, Use

NOT_KEPT = {"save": "no snapshot is written", "appendonly": "no append-only file is written"}
"""Directives that ask for the data to be kept on disk, with what happens instead."""


def at_start(config: Config, folder: str) -> list[str]:
    """The lines of a start in `folder`, whose files are looked at."""
    return _on_disk(config.values) + _unread(config, folder)


def at_change(changes: dict[str, str]) -> list[str]:
    """The lines of a CONFIG SET that was carried out."""
    lines = _on_disk(changes)
    without = [name for name in changes if DIRECTIVES[name].use is Use.NOTHING and name not in NOT_KEPT]
    if without:
        lines.append(f"CONFIG SET accepted, but without effect here: {', '.join(without)}")
    return lines


def refusal(name: str, value: str) -> str:
    """Why a running node does not take this value; empty if it does."""
    if name == "appendonly" and value == "yes":
        return (
            f"the append-only file is not built yet in Garrison {garrison.__version__}: "
            f"nothing would be kept on disk, see {COMPATIBILITY_URL}"
        )
    return ""


def _on_disk(values: dict[str, str]) -> list[str]:
    return [
        f"'{name} {values[name]}' has no effect: {what} in Garrison {garrison.__version__}, and a node that "
        f"starts again has no data but its primary's, see {COMPATIBILITY_URL}"
        for name, what in NOT_KEPT.items()
        if values.get(name) not in (None, "", "no")
    ]


def _unread(config: Config, folder: str) -> list[str]:
    names = (config.text("dbfilename"), config.text("appenddirname"))
    found = [name for name in names if name and os.path.exists(os.path.join(folder, name))]
    return [
        f"{os.path.join(folder, name)} exists and is NOT read: this node starts without the data in it, as "
        f"Garrison {garrison.__version__} loads no files yet"
        for name in found
    ]
