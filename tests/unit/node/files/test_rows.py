"""Rows as CSV and Parquet."""

from __future__ import annotations

import builtins
import csv
from pathlib import Path
from typing import Any

import pytest

from garrison.node.files.rows import COLUMNS, Row, escaped, parquet_writer, write_csv

ROWS: list[Row] = [
    (0, b"user:1", "hash", "listpack", 3, 100, 60, 1_700_000_000_123, 5, None),
    (3, b'\xff,"\n', "string", "raw", 1, 10, 10, None, None, 255),
]


def test_csv_has_a_line_of_names_and_every_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    assert write_csv([ROWS[:1], [], ROWS[1:]], path) == 2
    with path.open(newline="", encoding="utf-8") as file:
        names, first, second = csv.reader(file)
    assert tuple(names) == COLUMNS
    assert first == ["0", "user:1", "hash", "listpack", "3", "100", "60", "1700000000123", "5", ""]
    assert second[:2] == ["3", '\\udcff,"\n']
    assert second[-3:] == ["", "", "255"]


def test_csv_goes_to_standard_output_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv([ROWS[:1]], None)
    assert capsys.readouterr().out.startswith("db,key,type,")


def test_key_of_utf8_is_not_escaped() -> None:
    assert escaped("schlüssel".encode()) == "schlüssel"


def test_parquet_keeps_types_and_bytes(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "rows.parquet"
    assert parquet_writer()([ROWS[:1], [], ROWS[1:]], path) == 2
    found = parquet.read_table(path).to_pylist()
    assert found[1]["key"] == ROWS[1][1]
    assert found[0]["expire_at_ms"].timestamp() == pytest.approx(1_700_000_000.123)
    assert [row["frequency"] for row in found] == [None, 255]


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ValueError, match=r"pip install 'garrison\[parquet\]'"):
        parquet_writer()
