"""The keys of a file as rows: CSV for any tool, Parquet for those that compute with columns."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from garrison.node.files.shown import text_of

COLUMNS = (
    "db",
    "key",
    "type",
    "encoding",
    "elements",
    "bytes",
    "file_bytes",
    "expire_at_ms",
    "idle_seconds",
    "frequency",
)
"""What each row of the engine has, in this order; the last three may be missing."""
KEY = COLUMNS.index("key")
PARQUET_HINT = "Parquet needs pyarrow: pip install 'garrison[parquet]', or use --format csv"

Row = tuple[int, bytes, str, str, int, int, int, int | None, int | None, int | None]
Batches = Iterable[Sequence[Row]]


def write_csv(batches: Batches, output: Path | None) -> int:
    """Write rows below a line of names; the number of rows. Keys are UTF-8, other bytes in them `\\udc80`."""
    if output is None:
        return _csv_to(batches, sys.stdout)
    with output.open("w", encoding="utf-8", newline="") as file:
        return _csv_to(batches, file)


def _csv_to(batches: Batches, file: IO[str]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for rows in batches:
        writer.writerows((row[0], escaped(row[1]), *row[2:]) for row in rows)
        count += len(rows)
    return count


def escaped(key: bytes) -> str:
    """A key as text that every file can hold: bytes outside of UTF-8 as `\\udc80`, as JSON has them."""
    return text_of(key).encode("utf-8", "backslashreplace").decode("utf-8")


def parquet_writer() -> Callable[[Batches, Path], int]:
    """What writes Parquet. Raises ValueError, with what to do, where pyarrow is missing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(PARQUET_HINT) from error
    types: dict[str, Any] = {
        "db": pyarrow.int32(),
        "key": pyarrow.binary(),
        "type": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "encoding": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "expire_at_ms": pyarrow.timestamp("ms", tz="UTC"),
        "frequency": pyarrow.int16(),
    }
    schema = pyarrow.schema([(name, types.get(name, pyarrow.int64())) for name in COLUMNS])

    def write(batches: Batches, output: Path) -> int:
        count = 0
        with pyarrow.parquet.ParquetWriter(output, schema) as writer:
            for rows in batches:
                if rows:
                    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
                    writer.write_table(pyarrow.table(columns, schema=schema))
                    count += len(rows)
        return count

    return write
