"""What `garrison cluster functions` found, for people."""

from rich.console import Console
from rich.markup import escape

from garrison.cluster import documents as doc
from garrison.cluster.render import fitting_table

DROPPED_FIRST = ("engine", "functions")
"""The columns that a narrow console does without, in this order."""
WORDS = {"missing": "is missing at", "different": "is different at", "unknown": "is in no file, but at"}
DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def render_functions(document: doc.Document, console: Console) -> None:
    match document:
        case doc.FunctionsPushReport():
            _pushed(document, console)
        case doc.FunctionsDiffReport():
            _differences(document, console)
        case doc.FunctionsListReport():
            _list(document, console)


def _pushed(document: doc.FunctionsPushReport, console: Console) -> None:
    for each in document.libraries:
        name = escape(f"{each.library} ({each.path})")
        if not each.loaded:
            console.print(f"{name}: all {len(each.unchanged)} primaries have it already")
            continue
        verb = "would be loaded" if document.dry_run else "[green]loaded[/]"
        console.print(f"{name}: {verb} at {escape(', '.join(each.loaded))}")
    if document.dry_run:
        console.print("dry run: nothing was done")


def _differences(document: doc.FunctionsDiffReport, console: Console) -> None:
    for each in document.differences:
        beside = f" (compared with {each.reference})" if each.reference else ""
        nodes = ", ".join(each.nodes)
        console.print(f"[yellow]{escape(each.library)}[/] {WORDS[each.kind]} {escape(nodes + beside)}")
        for line in each.lines:
            console.print(f"    {escape(line)}", style=DIFF_COLOURS.get(line[:1], ""), soft_wrap=True)
    if document.ok:
        primaries, libraries = len(document.primaries), document.libraries
        console.print(f"[green]no difference[/]: {libraries} libraries at {primaries} primaries")


def _list(document: doc.FunctionsListReport, console: Console) -> None:
    rows = [
        {
            "library": escape(each.name),
            "engine": each.engine,
            "version": each.version,
            "functions": escape(", ".join(each.functions)),
            "nodes": escape(_where(each, document)),
        }
        for each in document.libraries
    ]
    console.print(fitting_table(console, rows, DROPPED_FIRST) if rows else "no library")
    for address in document.unreachable:
        console.print(f"[red]{escape(address)} does not answer[/]")


def _where(library: doc.LibraryDocument, document: doc.FunctionsListReport) -> str:
    is_everywhere = len(library.nodes) == len(document.nodes)
    return f"all {len(library.nodes)}" if is_everywhere else ", ".join(library.nodes)
