"""Whole replacement of files, and the lock against a second process."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from garrison.base import disk


def test_replace_leaves_the_new_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "nodes.conf"
    disk.replace(str(path), "one\n")
    disk.replace(str(path), "two\n")
    assert path.read_text() == "two\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["nodes.conf"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_mode_of_a_file_with_secrets_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "node.conf"
    path.write_text("requirepass secret\n")
    path.chmod(mode)
    disk.replace(str(path), "requirepass other\n")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_previous_generation_is_kept_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "nodes.conf"
    for text in ("one\n", "two\n", "three\n"):
        disk.replace(str(path), text, keep_previous=True)
    assert (tmp_path / "nodes.conf.previous").read_text() == "two\n"
    assert path.read_text() == "three\n"


def test_synced_before_renamed_and_the_folder_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        real_fsync(descriptor)

    def replace(source: str, target: str) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    disk.replace(str(tmp_path / "f"), "text")
    assert steps == ["file", "rename", "folder"]


def test_a_failure_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    disk.replace(str(path), "old")

    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        disk.replace(str(path), "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = (disk.FileLock(str(tmp_path / "f.lock")) for _ in range(2))
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_a_device_or_pipe_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        disk.replace(str(pipe), "text")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]
