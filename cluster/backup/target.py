"""Where backups are kept: a folder, or a bucket behind an S3 address
(:mod:`garrison.cluster.backup.s3_target`).

A backup is a folder of its own below the target. ``backup.json`` is written last: without it the folder is a
backup that was never finished.
"""

import asyncio
import contextlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from garrison.base import disk
from garrison.cluster.backup.core.record import RECORD_NAME, BackupRecord, parse_record
from garrison.cluster.errors import ManagerError, UsageProblem

READ_BYTES = 1 << 20


class Sink(Protocol):
    """A file that is being written."""

    async def write(self, data: bytes) -> None: ...


@dataclass(frozen=True)
class Catalog:
    """What a target holds."""

    records: dict[str, BackupRecord]
    """The finished backups by id, the one with the newest data last."""
    unfinished: list[str]
    damaged: dict[str, str]
    """Backups whose document cannot be read, and why."""

    def find(self, name: str) -> BackupRecord:
        """The backup of this id, or of the start of one; ``latest`` is the newest. Raises UsageProblem."""
        if name in self.damaged:
            raise ManagerError(self.damaged[name])
        if name == "latest" and self.records:
            return list(self.records.values())[-1]
        found = [record for id_, record in self.records.items() if id_.startswith(name)]
        if len(found) == 1 or name in self.records:
            return self.records.get(name) or found[0]
        known = ", ".join(list(self.records)[-5:]) or "it has none"
        what = "names more than one backup" if found else "is not a backup here"
        raise UsageProblem(f"{name!r} {what}; the newest are: {known}")


class Target(ABC):
    """A place for backups. Its methods raise ManagerError."""

    name: str
    """How people write it."""

    @abstractmethod
    async def folders(self) -> dict[str, bool]:
        """The folders below it, each with whether it is a finished backup."""

    @abstractmethod
    async def read_small(self, backup: str, file: str) -> bytes:
        """All of a small file."""

    @abstractmethod
    def read(self, backup: str, file: str) -> AsyncIterator[bytes]:
        """A file, piece by piece."""

    @abstractmethod
    def writing(self, backup: str, file: str) -> AbstractAsyncContextManager[Sink]:
        """Write a file; at the end of the block it is there, and durable."""

    @abstractmethod
    async def write_record(self, backup: str, data: bytes) -> None:
        """Write ``backup.json``, all of it or nothing."""

    @abstractmethod
    async def remove(self, backup: str) -> None:
        """Remove a backup: its document first, so that what is half removed is not listed."""

    async def catalog(self) -> Catalog:
        """Read all documents."""
        folders = await self.folders()
        records: list[BackupRecord] = []
        damaged: dict[str, str] = {}
        for backup in (name for name, is_finished in folders.items() if is_finished):
            place = f"{self.name}/{backup}/{RECORD_NAME}"
            try:
                record = parse_record(await self.read_small(backup, RECORD_NAME), place)
                if record.id != backup:
                    raise ManagerError(
                        f"{place} is that of backup {record.id}: give the folder its name back"
                    )
                records.append(record)
            except ManagerError as error:
                damaged[backup] = str(error)
        records.sort(key=lambda record: (record.reaches, record.id))
        unfinished = [name for name, is_finished in folders.items() if not is_finished]
        return Catalog({record.id: record for record in records}, unfinished, damaged)


class _FileSink:
    def __init__(self, file: BinaryIO, place: Path) -> None:
        self._file = file
        self._place = place

    async def write(self, data: bytes) -> None:
        try:
            await asyncio.to_thread(self._file.write, data)
        except OSError as error:
            raise failed("write", self._place, error) from error


class FolderTarget(Target):
    """A folder of this machine, perhaps of a file system that is mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    async def folders(self) -> dict[str, bool]:
        try:
            return {
                entry.name: (entry / RECORD_NAME).exists()
                for entry in sorted(self.path.iterdir())
                if entry.is_dir()
            }
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise failed("look into", self.path, error) from error

    async def read_small(self, backup: str, file: str) -> bytes:
        path = self.path / backup / file
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise failed("read", path, error) from error

    async def read(self, backup: str, file: str) -> AsyncIterator[bytes]:
        path = self.path / backup / file
        try:
            with path.open("rb") as source:
                while chunk := await asyncio.to_thread(source.read, READ_BYTES):
                    yield chunk
        except OSError as error:
            raise failed("read", path, error) from error

    @contextlib.asynccontextmanager
    async def writing(self, backup: str, file: str) -> AsyncIterator[Sink]:
        path = self.path / backup / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path.open("xb")
        except OSError as error:
            raise failed("create", path, error) from error
        with target:
            os.fchmod(target.fileno(), 0o600)
            yield _FileSink(target, path)
            try:
                target.flush()
                await asyncio.to_thread(os.fsync, target.fileno())
                disk.sync_folder(str(path.parent))
            except OSError as error:
                raise failed("write", path, error) from error

    async def write_record(self, backup: str, data: bytes) -> None:
        path = self.path / backup / RECORD_NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.replace(str(path), data.decode(), mode=0o600)
            disk.sync_folder(str(self.path))
        except OSError as error:
            raise failed("write", path, error) from error

    async def remove(self, backup: str) -> None:
        path = self.path / backup
        try:
            (path / RECORD_NAME).unlink(missing_ok=True)
            if path.exists():
                await asyncio.to_thread(shutil.rmtree, path)
        except OSError as error:
            raise failed("remove", path, error) from error


def failed(verb: str, place: object, error: OSError) -> ManagerError:
    """What an operation on a file could not do, and why."""
    return ManagerError(f"cannot {verb} {place}: {error.strerror or error}")
