"""Documents for people: tables and sentences on a console."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from garrison.cluster import documents as doc
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.manager.progress import human_bytes

WIDTH_WHEN_PIPED = 140
RANGES_WIDTH = 40
UNLIMITED = 10_000
LEFT_SHOWN_MAX = 10
DROPPED_FIRST = ("epoch", "id", "count", "role", "keys")
"""The columns of the table of nodes that a narrow console does without, in this order."""
COLOURS = {"error": "red", "warning": "yellow"}


def make_console(*, stderr: bool = False) -> Console:
    """A console that does not fold lines at 80 columns when its output is piped."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_WHEN_PIPED
    return console


def render(document: doc.Document, console: Console) -> None:
    """Print any of the documents."""
    match document:
        case doc.CheckDocument():
            _nodes(document, console)
            _findings(document.findings, console)
        case doc.InfoDocument():
            _nodes(document, console)
        case doc.CreateReport():
            _create(document, console)
        case doc.FixReport():
            _fix(document, console)
        case doc.MoveReport():
            _moves(document, console)
        case doc.MemberReport():
            _member(document, console)
        case doc.ImportReport():
            _import(document, console)
        case doc.BackupReport():
            for file in document.files:
                console.print(f"{escape(file.node)}: {escape(file.path)} ({human_bytes(file.bytes)})")
            console.print(f"[green]saved[/] {len(document.files)} files in {document.seconds:.2f} s")
        case doc.CallReport():
            _replies(document, console)
        case _:
            console.print(document.model_dump_json(indent=2))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        numeric = name in ("count", "keys", "epoch")
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    return table


def _nodes(document: doc.InfoDocument, console: Console) -> None:
    rows = [_row(node) for node in document.nodes]
    console.print(fitting_table(console, rows, DROPPED_FIRST))
    primaries = sum(node.role == "primary" for node in document.nodes)
    console.print(
        f"{primaries} primaries, {len(document.nodes) - primaries} replicas, {document.keys} keys, "
        f"{document.slots_covered} of {SLOT_COUNT} slots covered"
    )


def _row(node: doc.NodeDocument) -> dict[str, str]:
    primary = node.role == "primary"
    return {
        "node": escape(node.address if primary else f"  {node.address}"),
        "id": node.id[:8],
        "role": node.role,
        "count": str(node.slot_count) if primary else "",
        "slots": _shortened(node.slots),
        "keys": str(node.keys),
        "epoch": str(node.epoch),
        "state": _state(node),
    }


def fitting_table(console: Console, rows: Sequence[Mapping[str, str]], dropped: Sequence[str]) -> Table:
    """The rows, without the columns that can be done without best where the console is too narrow for all.

    What then is still too wide is folded.
    """
    names = list(rows[0]) if rows else []
    for name in ["", *dropped]:
        names = [each for each in names if each != name]
        table = _table(*names)
        for row in rows:
            table.add_row(*(row[each] for each in names))
        if console.measure(table, options=console.options.update(width=UNLIMITED)).maximum <= console.width:
            break
    return table


def _state(node: doc.NodeDocument) -> str:
    if not node.reachable:
        return "[red]does not answer[/]"
    if node.data_lost:
        return "[red]has lost its data[/]"
    return "[yellow]no link to its primary[/]" if node.link_up is False else "ok"


def _shortened(ranges: str) -> str:
    if len(ranges) <= RANGES_WIDTH:
        return ranges
    head = ranges[:RANGES_WIDTH].rpartition(",")[0]
    return f"{head} and {ranges.count(',') - head.count(',')} more"


def _findings(findings: Sequence[doc.FindingDocument], console: Console) -> None:
    if not findings:
        console.print("[green]healthy[/]: all nodes agree, all slots are covered, no slot is open")
    for each in findings:
        colour = COLOURS.get(each.severity, "")
        advice = f"\n    {escape(each.advice)}" if each.advice else ""
        console.print(f"[{colour}]{each.severity}:[/] {escape(each.message)}{advice}")


def _create(document: doc.CreateReport, console: Console) -> None:
    rows = [
        {
            "primary": escape(shard.primary),
            "slots": shard.slots,
            "replicas": escape(", ".join(shard.replicas)),
        }
        for shard in document.shards
    ]
    if document.dry_run:
        console.print(fitting_table(console, rows, ()))
        for warning in document.warnings:
            console.print(f"[yellow]warning:[/] {escape(warning)}")
        console.print("dry run: nothing was done")
    else:
        console.print(
            f"[green]formed[/] in {document.seconds:.1f} s: all nodes agree and every replica is linked"
        )


def _moves(document: doc.MoveReport, console: Console) -> None:
    if document.dry_run:
        _move_table(document, console)
        return
    if not document.moves and not document.finished_first:
        console.print("nothing to move")
        return
    if document.finished_first:
        console.print(f"{document.finished_first} slots that were open from an earlier run are finished")
    console.print(f"[green]moved[/] {_amounts(document)}")


def _move_table(document: doc.MoveReport, console: Console) -> None:
    rows = [
        {
            "count": str(move.slot_count),
            "from": escape(move.source),
            "to": escape(move.target),
            "slots": _shortened(move.slots),
        }
        for move in document.moves
    ]
    console.print(fitting_table(console, rows, ()) if rows else "nothing to move")
    console.print("dry run: nothing was done")


def _amounts(document: doc.MoveReport) -> str:
    return (
        f"{document.slots_moved} slots with {document.keys_moved} keys "
        f"(~{human_bytes(document.bytes_moved_estimate)}) in {document.seconds:.2f} s"
    )


def _fix(document: doc.FixReport, console: Console) -> None:
    if not document.repairs:
        console.print("nothing to fix")
    for repair in document.repairs:
        sources = f" with the keys of {', '.join(repair.sources)}" if repair.sources else ""
        console.print(f"{repair.action} slots {repair.slots}: {escape(repair.target)}{escape(sources)}")
    if document.dry_run:
        console.print("dry run: nothing was done")
        return
    if document.repairs:
        console.print(f"[green]repaired[/] {_amounts(document)}")
    _findings(document.findings_left, console)


def _member(document: doc.MemberReport, console: Console) -> None:
    verb = "added" if document.command == "add-node" else "removed"
    if document.dry_run:
        verb = f"would be {verb}"
    role = f" as a replica of {document.primary}" if document.primary else ""
    console.print(f"{escape(document.address)} {document.node_id[:8]} {verb}{escape(role)}")


def _import(document: doc.ImportReport, console: Console) -> None:
    if document.dry_run:
        console.print("dry run: nothing was done")
        return
    for each in document.left[:LEFT_SHOWN_MAX]:
        console.print(f"[yellow]left:[/] {escape(each.key)} {escape(each.reason)}")
    left = f", {document.left_count} left at the source" if document.left_count else ""
    console.print(f"[green]imported[/] {document.keys} keys in {document.seconds:.2f} s{left}")


def _replies(document: doc.CallReport, console: Console) -> None:
    for each in document.replies:
        if each.error:
            console.print(f"[red]{escape(each.address)}[/]: {escape(each.error)}")
        else:
            console.print(f"{escape(each.address)}: {escape(str(each.reply))}")
