"""A disk that fails when a test says so, under a real server process: a C library for LD_PRELOAD.

`disk_faults.c` has what it does. It is built with the machine's C compiler; `make` needs one for the engine
anyway. Where there is none, tests skip.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "disk_faults.c"
OPERATIONS = ("write", "sync", "sync_folder", "rename", "open")
"""What may fail; the order of `enum operation`. "open" is for writing."""
ALL = -1

_Numbers = ctypes.c_int32 * len(OPERATIONS)


class _Control(ctypes.Structure):
    """`struct control`."""

    _fields_ = [
        ("error", _Numbers),
        ("calls", _Numbers),
        ("hits", _Numbers),
        ("forgets", ctypes.c_int32),
        ("until_death", ctypes.c_int32),
        ("room_bytes", ctypes.c_int64),
    ]


def build_library(folder: Path) -> Path:
    """The library, built in this folder."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: nothing to make a disk fail with")
    library = folder / "disk_faults.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True
    )
    return library


class FaultyDisk:
    """The files below a folder; it works until it is told otherwise."""

    def __init__(self, library: Path, folder: Path) -> None:
        self.folder = folder
        self._library, self._file = library, folder.parent / f"{folder.name}.faults"
        folder.mkdir(parents=True, exist_ok=True)
        self._file.write_bytes(bytes(ctypes.sizeof(_Control)))
        with self._file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), ctypes.sizeof(_Control))
        self._control = _Control.from_buffer(self._map)
        self.heal()

    def environment(self) -> dict[str, str]:
        """For the process that shall have this disk."""
        return {
            **os.environ,
            "LD_PRELOAD": str(self._library),
            "FAULTS_FOLDER": str(self.folder.resolve()),
            "FAULTS_CONTROL": str(self._file),
        }

    def fail(self, operation: str, error: int, calls: int = ALL, *, forgets: bool = False) -> None:
        """Let so many calls of an operation fail; a failed sync may forget what it should have written."""
        at = OPERATIONS.index(operation)
        self._control.forgets = forgets
        self._control.calls[at], self._control.error[at] = calls, error

    def leave_room(self, room_bytes: int) -> None:
        """The disk takes so many bytes more, and is full then."""
        self._control.room_bytes = room_bytes

    def die_in(self, operations: int) -> None:
        """SIGKILL hits the process before the operation behind so many others."""
        self._control.until_death = operations

    def operations_left(self) -> int:
        """How many there are yet before SIGKILL."""
        return int(self._control.until_death)

    def heal(self) -> None:
        """All works again."""
        self._control.until_death = -1
        for at in range(len(OPERATIONS)):
            self._control.error[at] = 0
        self._control.forgets = 0
        self._control.room_bytes = -1

    def hits(self, operation: str) -> int:
        """How many calls have failed so far."""
        return int(self._control.hits[OPERATIONS.index(operation)])
