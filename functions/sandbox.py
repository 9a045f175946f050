"""How far a worker is fenced in. It is meant for trusted authors: a fence against accidents, not a wall.

BACKGROUND. The process has its own memory, and limits that the kernel holds: address space, no descriptor
beyond those that it has (so no file is opened and no socket made, even by code that gets around the rest),
no core, no bytes written to files, and where the node does not run as root no further process. Its
environment is empty. The node ends it at the deadline of a call.

What it does not do: hide the process's own memory from its code, filter system calls, keep a library that
wants to from signalling other processes of the same user, or bind root, who may raise limits again.
Somebody who may FUNCTION LOAD runs code as the node's user."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import resource
import sys
from types import ModuleType
from typing import Any

MODULES = (
    "__future__",
    "base64",
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "garrison.functions",
    "hashlib",
    "heapq",
    "hmac",
    "itertools",
    "json",
    "math",
    "operator",
    "random",
    "re",
    "statistics",
    "string",
    "struct",
    "time",
    "typing",
    "unicodedata",
    "uuid",
    "zlib",
)
"""What a library may import."""

LATE = ("_strptime", "encodings.idna", "traceback", "linecache")
"""What modules import when they are used, and could not any more."""

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, SIGKILL = 1, 38, 9


def importer(
    name: str, globals_: Any = None, locals_: Any = None, fromlist: Any = (), level: int = 0
) -> ModuleType:
    """`__import__` of a library."""
    if level or name not in MODULES:
        raise ImportError(f"a library may import {', '.join(MODULES)}; not {name!r}")
    return builtins.__import__(name, globals_, locals_, fromlist, level)


def preload() -> None:
    """Import all that may be imported: later no file can be opened."""
    for name in (*MODULES, *LATE):
        importlib.import_module(name)


def enter(memory_bytes_max: int) -> None:
    """Set the limits, for good."""
    with contextlib.suppress(OSError, ImportError, AttributeError):
        _tie_to_parent()
    _limit(resource.RLIMIT_AS, memory_bytes_max)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(what: int, value: int) -> None:
    resource.setrlimit(what, (value, value))


def _tie_to_parent() -> None:
    """Die with the node, and never gain privileges."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
