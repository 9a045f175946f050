"""Hash seeds: Python hashes text differently in each process, and the order of a set follows from that."""

from __future__ import annotations

import os
import sys


def fix_hashes(module: str) -> None:
    """Start this program again with fixed hashes, unless it has them: a seed is then the whole story."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], environment)
