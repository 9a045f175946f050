"""``garrison rdb``: look into RDB files of Redis, Valkey and Garrison without loading them.

Exit codes: 0 done (for check: sound; for diff: no difference), 1 failed, damaged or different, 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from garrison.base.command_line import run_app
from garrison.base.plain_help import PlainApp
from garrison.node.files import rows as row_files
from garrison.node.files.shown import (
    EXIT_FAILED,
    checked_size,
    failures_told,
    make_console,
    progress_of,
    shown,
    size,
    table,
    text_of,
)

if TYPE_CHECKING:
    from garrison.node._engine import RdbScan

PREFIXES_COUNTED_MAX = 200_000
DIFF_KEYS_MAX = 2_000_000
"""How many keys of the old file are in memory at a time; a larger file is read in several rounds."""
SUMS = ("keys", "elements", "bytes", "file_bytes")

app = PlainApp(
    name="rdb",
    help="Look into RDB files of Redis (versions 1 to 12), Valkey and Garrison without loading them.",
    epilog="Exit codes: 0 done, sound or the same; 1 failed, damaged or different; 2 wrong usage.",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="An RDB file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, nothing else.")]


class Format(StrEnum):
    """How a report is given."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


@app.command()
def report(
    file: File,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            metavar="table|json|csv|parquet",
            help="Sums as a table or JSON; a row for each key as CSV or Parquet.",
        ),
    ] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where CSV or Parquet goes.")
    ] = None,
    separator: Annotated[
        str, typer.Option(metavar="TEXT", help="What stands between the parts of a key.")
    ] = ":",
    depth: Annotated[int, typer.Option(metavar="PARTS", help="Parts that make a prefix.", min=1)] = 1,
    top: Annotated[int, typer.Option(metavar="COUNT", help="Biggest keys and prefixes shown.", min=0)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what takes the room: types, prefixes, biggest keys, expiry and idle times."""
    with failures_told("garrison rdb report"):
        total = checked_size(file)
        if form in (Format.CSV, Format.PARQUET):
            _report_rows(file, total, form, output)
            return
        if output is not None:
            raise typer.BadParameter("goes with --format csv and parquet", param_hint="--output")
        scan = _scan(
            file,
            separator=separator.encode("utf-8", "surrogateescape"),
            depth=depth,
            biggest_max=top,
            prefixes_max=PREFIXES_COUNTED_MAX,
        )
        for _ in _batches(scan, file, total):
            pass
        facts, found = scan.facts(), scan.report(top)
    if as_json or form is Format.JSON:
        print(json.dumps(report_document(file, total, facts, found), indent=2))
    else:
        _print_report(file, total, facts, found)


def _report_rows(file: Path, total: int, form: Format, output: Path | None) -> None:
    scan = _scan(file, rows=True)
    if form is Format.CSV:
        row_files.write_csv(_batches(scan, file, total), output)
        return
    if output is None:
        raise typer.BadParameter("is needed for Parquet", param_hint="--output")
    write = row_files.parquet_writer()
    count = write(_batches(scan, file, total), output)
    print(f"{count} rows are in {output}", file=sys.stderr)


def _scan(file: Path, **options: Any) -> RdbScan:
    from garrison.node._engine import RdbScan

    return RdbScan(str(file), int(time.time() * 1000), **options)


def _batches(scan: RdbScan, file: Path, total: int) -> Iterator[Sequence[row_files.Row]]:
    with progress_of(file, total) as progress:
        while (rows := scan.step()) is not None:
            progress.update(progress.task_ids[0], completed=scan.offset())
            yield rows


def _sums(values: Sequence[int]) -> dict[str, int]:
    return dict(zip(SUMS, values, strict=True))


def report_document(file: Path, total: int, facts: Mapping[str, Any], found: Mapping[str, Any]) -> Any:
    """The report as JSON has it. A byte of a key that is not UTF-8 becomes a lone surrogate."""
    return {
        "file": str(file),
        "size": total,
        **facts_document(facts),
        "types": [
            {"type": name, "encoding": encoding, **_sums(sums)} for (name, encoding), sums in found["types"]
        ],
        "databases": [{"db": db, **_sums(sums)} for db, sums in found["databases"]],
        "prefixes": [{"prefix": text_of(name), **_sums(sums)} for name, sums in found["prefixes"]],
        "other_prefixes": _sums(found["other_prefixes"]),
        "expiry": [{"span": span, **_sums(sums)} for span, sums in found["expiry"]],
        "idle": [{"span": span, **_sums(sums)} for span, sums in found["idle"]],
        "biggest": [
            {**dict(zip(row_files.COLUMNS[:8], row, strict=False)), "key": text_of(row[row_files.KEY])}
            for row in found["biggest"]
        ],
    }


def facts_document(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What stands around the keys, as JSON has it."""
    return {**facts, "aux": dict(facts["aux"])}


def _print_report(file: Path, total: int, facts: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    console = make_console()
    console.print(_headline(file, total, facts), markup=False)
    of_sums = ("keys", "elements", "size", "in the file")
    types = [(name, encoding, *_cells(sums)) for (name, encoding), sums in found["types"]]
    tables = [table("Types", ("type", "encoding", *of_sums), types, numeric=2)]
    if len(found["databases"]) > 1:
        databases = [(str(db), *_cells(sums)) for db, sums in found["databases"]]
        tables.append(table("Databases", ("db", *of_sums), databases))
    prefixes = [(shown(name) or "(none)", *_cells(sums)) for name, sums in found["prefixes"]]
    if found["other_prefixes"][0]:
        prefixes.append(("(all others)", *_cells(found["other_prefixes"])))
    tables.append(table("Prefixes", ("prefix", *of_sums), prefixes))
    for title, spans in (("Time until expiry", found["expiry"]), ("Time since last use", found["idle"])):
        if spans:
            tables.append(table(title, ("time", *of_sums), [(span, *_cells(sums)) for span, sums in spans]))
    biggest = [
        (shown(key), str(db), name, encoding, f"{elements:,}", size(count), size(in_file))
        for db, key, name, encoding, elements, count, in_file, *_ in found["biggest"]
    ]
    if biggest:
        names = ("key", "db", "type", "encoding", "elements", "size", "in the file")
        tables.append(table("Biggest keys", names, biggest, numeric=4))
    for each in tables:
        console.print()
        console.print(each)


def _cells(sums: Sequence[int]) -> tuple[str, ...]:
    keys, elements, count, in_file = sums
    return f"{keys:,}", f"{elements:,}", size(count), size(in_file)


def _headline(file: Path, total: int, facts: Mapping[str, Any]) -> str:
    aux = dict(facts["aux"])
    writer = next(
        (f" of {name} {aux[field]}" for field, name in WRITERS.items() if field in aux),
        "",
    )
    family = "Valkey RDB" if facts["valkey"] else "RDB"
    return (
        f"{file}: {family} version {facts['version']}{writer}, {size(total)}, {facts['keys']:,} keys, "
        f"{facts['expires']:,} expire, {facts['expired']:,} of them have expired"
    )


WRITERS = {"garrison-ver": "Garrison", "valkey-ver": "Valkey", "redis-ver": "Redis"}
"""The auxiliary fields that tell who wrote a file."""


@app.command("json")
def lines(
    file: File,
    match: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only keys like this, as KEYS has it.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only this type; may be repeated.")
    ] = None,
    dbs: Annotated[
        list[int] | None, typer.Option("--db", metavar="NUMBER", help="Only this database; may be repeated.")
    ] = None,
) -> None:
    """Print every key with type, expiry and value: one line of JSON a key."""
    from garrison.node._engine import RdbLines

    with failures_told("garrison rdb json"):
        checked_size(file)
        pattern = None if match is None else match.encode("utf-8", "surrogateescape")
        keys = RdbLines(str(file), pattern=pattern, types=types or [], dbs=dbs or [])
        while (text := keys.step()) is not None:
            sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


SIGNS = {"added": "+", "removed": "-"}


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="An RDB file.", show_default=False)],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another one.", show_default=False)],
    keys_max: Annotated[
        int,
        typer.Option(metavar="COUNT", help="Keys in memory at a time; more need further rounds.", min=1),
    ] = DIFF_KEYS_MAX,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each key.")] = False,
) -> None:
    """Compare two files by key and value, however they are encoded. Exit code 1 if they differ."""
    from garrison.node._engine import RdbDiff

    count = 0
    with failures_told("garrison rdb diff"):
        checked_size(old)
        checked_size(new)
        differences = RdbDiff(str(old), str(new), keys_max)
        while (found := differences.step()) is not None:
            count += len(found)
            for change, db, key, name in found:
                print(_difference(change, db, key, name, as_json))
    if not as_json:
        print("no difference" if count == 0 else f"{count:,} keys differ", file=sys.stderr)
    raise typer.Exit(EXIT_FAILED if count else 0)


def _difference(change: str, db: int, key: bytes, name: str, as_json: bool) -> str:
    if as_json:
        return json.dumps({"change": change, "db": db, "key": text_of(key), "type": name})
    what = "" if change in SIGNS else f", other {change}"
    return f"{SIGNS.get(change, '~')} db {db} {shown(key)} ({name}{what})"


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Read a file as a start would, every value and the checksum. Takes redis-check-rdb's arguments."""
    with failures_told("garrison rdb check"):
        total = checked_size(file)
        scan = _scan(file, build=True)
        try:
            for _ in _batches(scan, file, total):
                pass
        except ValueError as error:
            if as_json:
                document = {**facts_document(scan.facts()), "offset": scan.offset(), "error": str(error)}
                print(json.dumps({"file": str(file), "ok": False, **document}, indent=2))
                raise typer.Exit(EXIT_FAILED) from None
            print(f"{file}: read {scan.facts()['keys']:,} keys before this:", file=sys.stderr)
            raise
    facts = scan.facts()
    if as_json:
        print(json.dumps({"file": str(file), "ok": True, "size": total, **facts_document(facts)}, indent=2))
        return
    print(_headline(file, total, facts))
    for library in facts["functions"]:
        print(f"function library: {shown(library.encode('utf-8', 'surrogateescape'))}")
    if facts["foreign"]:
        print(f"warning: {facts['foreign']:,} keys have values of modules, which Garrison does not load")
    if facts["bytes_behind_end"]:
        print(f"warning: {facts['bytes_behind_end']:,} bytes or more stand behind the end of the data")
    print("the file is sound")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line of `garrison rdb` and return its exit code."""
    return run_app(app, "garrison rdb", arguments)
