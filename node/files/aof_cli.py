"""``garrison aof``: check append-only files of Redis and Garrison, and cut damaged ends.

Exit codes: 0 sound or repaired, 1 damaged or failed, 2 wrong usage.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from garrison.base.command_line import run_app
from garrison.base.plain_help import PlainApp
from garrison.node.files.aof_parts import Found, cut, find_manifest, parts_of, read_part
from garrison.node.files.shown import EXIT_FAILED, failures_told

app = PlainApp(
    name="aof",
    help="Check append-only files of Redis and Garrison, and cut damaged ends.",
    epilog="Exit codes: 0 sound or repaired, 1 damaged or failed, 2 wrong usage.",
    no_args_is_help=True,
)

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A manifest, the folder that holds it, or one file.", show_default=False
    ),
]
Until = Annotated[
    int | None,
    typer.Option(
        "--truncate-to-timestamp", metavar="SECONDS", help="Cut what was done after this Unix time.", min=0
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Discard = Annotated[bool, typer.Option("--discard", help="Keep no copy of what is cut.")]


@app.command()
def check(
    file: File,
    fix_too: Annotated[bool, typer.Option("--fix", help="Cut a damaged end.")] = False,
    until: Until = None,
    yes: Yes = False,
    discard: Discard = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, nothing else.")] = False,
) -> None:
    """Read all parts to their ends. Takes redis-check-aof's arguments."""
    if fix_too and until is not None:
        raise typer.BadParameter("goes without --fix", param_hint="--truncate-to-timestamp")
    if as_json and (fix_too or until is not None):
        raise typer.BadParameter(
            "only looks; leave --fix and --truncate-to-timestamp out", param_hint="--json"
        )
    with failures_told("garrison aof check"):
        _run(file, wants_fix=fix_too, until=until, yes=yes, discard=discard, as_json=as_json)


@app.command()
def fix(file: File, until: Until = None, yes: Yes = False, discard: Discard = False) -> None:
    """Cut the damaged end of the last part, never within a transaction; a copy of it is kept."""
    with failures_told("garrison aof fix"):
        _run(file, wants_fix=until is None, until=until, yes=yes, discard=discard, as_json=False)


def _run(file: Path, *, wants_fix: bool, until: int | None, yes: bool, discard: bool, as_json: bool) -> None:
    path = find_manifest(file)
    found = []
    for part in parts_of(path):
        found.append(read_part(part, until))
        if not as_json:
            print(sentence(found[-1]))
    bad = [each for each in found if each.problem]
    if as_json:
        print(json.dumps({"file": str(path), "ok": not bad, "parts": [document(each) for each in found]}))
        raise typer.Exit(EXIT_FAILED if bad else 0)
    if until is not None and not bad:
        _cut_later(found, until, yes, discard)
    elif bad and wants_fix and bad[0].may_be_cut:
        _cut_damage(bad[0], yes, discard)
    elif bad:
        print(advice(bad[0], path))
        raise typer.Exit(EXIT_FAILED)
    else:
        print("the append-only file is sound")


def _cut_damage(found: Found, yes: bool, discard: bool) -> None:
    offset, behind = found.facts["safe_offset"], found.facts["command_in_tail"]
    if behind is not None:
        print(f"warning: complete commands follow at offset {behind}; cutting loses them")
    _cut(found, offset, yes, discard)


def _cut_later(found: Sequence[Found], until: int, yes: bool, discard: bool) -> None:
    later = [each for each in found if each.facts["later_offset"] is not None]
    if not later:
        print(f"nothing was done after {until}; all is kept")
        return
    first = later[0]
    if not first.part.is_last:
        print(
            f"{first.part.path.name} has commands of after {until} and is not the last file: remove the "
            "later ones from the manifest first, then try again"
        )
        raise typer.Exit(EXIT_FAILED)
    _cut(first, first.facts["later_offset"], yes, discard)


def _cut(found: Found, offset: int, yes: bool, discard: bool) -> None:
    path = found.part.path
    print(f"{path.name} is {found.size} bytes; cutting {found.size - offset} leaves {offset}")
    if not yes and not typer.confirm("Continue?"):
        print("nothing was changed")
        raise typer.Exit(EXIT_FAILED)
    copy = cut(path, offset, keep_tail=not discard)
    kept = f"; what was cut is in {copy.name}" if copy else ""
    print(f"{path.name} was cut to {offset} bytes{kept}")


def sentence(found: Found) -> str:
    """What was found in a part, in one line."""
    facts = found.facts
    contents = [f"{facts['rdb_keys']:,} keys as RDB"] if facts["has_rdb"] else []
    contents.append(f"{facts['commands']:,} commands")
    if facts["first_timestamp"] is not None:
        contents.append(f"from {_time(facts['first_timestamp'])} to {_time(facts['last_timestamp'])}")
    state = found.problem or "sound"
    return f"{found.part.path.name} ({found.part.kind}, {found.size:,} bytes): {', '.join(contents)}: {state}"


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def advice(found: Found, path: Path) -> str:
    """What to do about a damaged part."""
    if not found.may_be_cut:
        what = "the base" if found.part.kind == "base" else "a part before the last"
        return f"{what} cannot be repaired by cutting: restore {found.part.path.name} from a backup"
    end = found.facts["safe_offset"]
    return f"sound up to offset {end} of {found.size}: 'garrison aof fix {path}' cuts there and keeps a copy"


def document(found: Found) -> dict[str, Any]:
    """What was found in a part, as JSON has it."""
    return {"name": found.part.path.name, "kind": found.part.kind, "size": found.size, **found.facts}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line of `garrison aof` and return its exit code."""
    return run_app(app, "garrison aof", arguments)
