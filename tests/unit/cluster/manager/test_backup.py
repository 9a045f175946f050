"""A backup never overwrites what it was not told to."""

from pathlib import Path

import pytest

from garrison.cluster.core.topology import Address, Node
from garrison.cluster.errors import UsageProblem
from garrison.cluster.manager.backup import Saved, _remove_older, demand_new


def test_new_and_empty_folders_are_taken(tmp_path: Path) -> None:
    demand_new(tmp_path, overwrite=False)
    demand_new(tmp_path / "new" / "folder", overwrite=False)


def test_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("{}")
    with pytest.raises(UsageProblem, match=r"is not empty; .*--overwrite"):
        demand_new(tmp_path, overwrite=False)
    demand_new(tmp_path, overwrite=True)


@pytest.mark.parametrize("overwrite", [True, False])
def test_file_in_its_place_is_refused(tmp_path: Path, overwrite: bool) -> None:
    file = tmp_path / "backup"
    file.write_text("")
    with pytest.raises(UsageProblem, match="is a file"):
        demand_new(file, overwrite=overwrite)


def test_files_of_the_replaced_backup_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / f"h-7000-{'a' * 40}.rdb", tmp_path / f"h-7001-{'b' * 40}.rdb"
    other = tmp_path / "dump.rdb"
    for path in (old, new, other):
        path.write_bytes(b"REDIS")
    _remove_older(tmp_path, [Saved(Node("b" * 40, Address("h", 7001)), new, 5)])
    assert sorted(tmp_path.iterdir()) == sorted([new, other])
