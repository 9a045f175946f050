"""The parts that a manifest names, read and cut."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

from garrison.node.files.aof_parts import Part, cut, find_manifest, parts_of, read_part

PING = b"*1\r\n$4\r\nPING\r\n"


def test_parts_come_in_the_order_of_loading(tmp_path: Path) -> None:
    manifest = tmp_path / "a.manifest"
    manifest.write_text(
        "file b.rdb seq 1 type b\nfile old seq 1 type h\nfile i2 seq 2 type i\nfile 'i 3' seq 3 type i\n"
    )
    for name in ("b.rdb", "i2", "i 3"):
        (tmp_path / name).touch()
    parts = [(part.path.name, part.kind, part.is_last) for part in parts_of(manifest)]
    expected = [("b.rdb", "base", False), ("i2", "increment", False), ("i 3", "increment", True)]
    assert parts == expected


def test_part_that_is_missing_is_named(tmp_path: Path) -> None:
    manifest = tmp_path / "a.manifest"
    manifest.write_text("file gone seq 1 type i\n")
    with pytest.raises(FileNotFoundError) as raised:
        parts_of(manifest)
    assert raised.value.filename == str(tmp_path / "gone")


def test_damaged_manifest_is_named_with_its_line(tmp_path: Path) -> None:
    manifest = tmp_path / "a.manifest"
    manifest.write_text("file a seq 1 type i\nfile b seq x type i\n")
    with pytest.raises(ValueError, match=r"a\.manifest: line 2: seq x is not a number"):
        parts_of(manifest)


def test_folder_stands_for_its_only_manifest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one manifest is needed, here are: none"):
        find_manifest(tmp_path)
    (tmp_path / "a.manifest").touch()
    assert find_manifest(tmp_path) == tmp_path / "a.manifest"
    (tmp_path / "b.manifest").touch()
    with pytest.raises(ValueError, match=r"a\.manifest, b\.manifest; name the file"):
        find_manifest(tmp_path)


def test_reading_finds_commands_and_the_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.aof"
    path.write_bytes(PING + PING[:5])
    found = read_part(Part(path, "file", is_last=True))
    assert (found.size, found.facts["commands"], found.facts["safe_offset"]) == (19, 1, 14)
    assert found.problem is not None
    assert found.may_be_cut
    assert not read_part(Part(path, "increment", is_last=False)).may_be_cut


def test_cut_keeps_a_copy_of_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "a.aof"
    path.write_bytes(PING + b"*1\r\n")
    copy = cut(path, len(PING), keep_tail=True)
    assert copy is not None
    assert (path.read_bytes(), copy.read_bytes()) == (PING, b"*1\r\n")
    assert cut(path, 0, keep_tail=False) is None
    assert path.read_bytes() == b""


def test_copy_of_an_earlier_cut_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.aof"
    path.write_bytes(PING)
    (tmp_path / "a.aof.cut-4").write_bytes(b"earlier")
    with pytest.raises(FileExistsError):
        cut(path, 4, keep_tail=True)
    assert path.read_bytes() == PING
