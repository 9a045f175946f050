"""Files that survive a crash: whole replacement, synced, and a lock against a second process.

BACKGROUND. A file that is written in place can be found half-written after a power cut. So the new text goes
to a temporary file in the same folder, is synced, and takes the name in one step; then the folder is synced,
for without that the new name itself may be lost.
INVARIANTS. After `replace(..., sync=True)` has returned, the text is what a restart reads. While it runs, a
restart reads either the old text or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import Final

MODE_OF_NEW_FILES: Final = 0o644


def replace(
    path: str, text: str, *, sync: bool = True, keep_previous: bool = False, mode: int | None = None
) -> None:
    """Make `text` the whole content of `path`. Raises OSError; the old content then still stands.

    `keep_previous` keeps the former file as `path`.previous. Without `sync` the new text survives the end of
    the process, but a power cut may leave an empty file until `sync` was called: keep the previous one.
    The file keeps its mode, or gets `mode`; a new one is readable to everybody.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        # A new file would take the place of the device or pipe, for the whole machine.
        raise OSError(errno.EINVAL, "not a regular file, so it is not replaced", path)
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        if mode is None:
            mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else MODE_OF_NEW_FILES
        _write(temporary, text.encode("utf-8", "surrogateescape"), mode, sync)
        if keep_previous:
            _keep(path)
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
    if sync:
        sync_folder(folder)


def sync(path: str) -> None:
    """Let what was replaced without `sync` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(os.path.dirname(os.path.abspath(path)))


def sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: str, data: bytes, mode: int, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(path: str) -> None:
    """A second name for the present file; the old one stays, so that `path` always exists."""
    previous = path + ".previous"
    _remove(previous)
    try:
        os.link(path, previous)
    except FileNotFoundError:
        pass


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


class FileLock:
    """A lock that ends with the process, whatever ends the process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self) -> bool:
        """Whether the lock is ours now. Raises OSError where the file cannot be opened."""
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            self._descriptor = -1
            return False
        return True

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
