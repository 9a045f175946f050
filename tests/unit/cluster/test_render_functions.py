"""Function libraries on a console."""

from __future__ import annotations

import io

from rich.console import Console

from garrison.cluster import documents as doc
from garrison.cluster.render_functions import render_functions


def shown(document: doc.Document, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    render_functions(document, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_push_says_where_it_loaded() -> None:
    pushed = [
        doc.PushedLibraryDocument(library="a", path="a.lua", loaded=["h:1", "h:2"], unchanged=[]),
        doc.PushedLibraryDocument(library="b", path="b.lua", loaded=[], unchanged=["h:1", "h:2"]),
    ]
    report = doc.FunctionsPushReport(command="functions push", libraries=pushed)
    assert shown(report).splitlines() == [
        "a (a.lua): loaded at h:1, h:2",
        "b (b.lua): all 2 primaries have it already",
    ]
    report.dry_run = True
    assert "would be loaded at h:1" in shown(report)
    assert "nothing was done" in shown(report)


def test_diff_shows_each_difference() -> None:
    differences = [
        doc.FunctionsDifferenceDocument(library="a", kind="missing", nodes=["h:1"], reference="a.lua"),
        doc.FunctionsDifferenceDocument(
            library="b", kind="different", nodes=["h:1"], reference="h:2", lines=["-x[1]", "+y"]
        ),
        doc.FunctionsDifferenceDocument(library="c", kind="unknown", nodes=["h:1", "h:2"], reference=""),
    ]
    report = doc.FunctionsDiffReport(
        command="functions diff", ok=False, primaries=["h:1", "h:2"], libraries=3, differences=differences
    )
    assert shown(report).splitlines() == [
        "a is missing at h:1 (compared with a.lua)",
        "b is different at h:1 (compared with h:2)",
        "    -x[1]",
        "    +y",
        "c is in no file, but at h:1, h:2",
    ]
    report.ok, report.differences = True, []
    assert shown(report) == "no difference: 3 libraries at 2 primaries\n"


def test_list_names_nodes_of_what_differs() -> None:
    libraries = [
        doc.LibraryDocument(name="a", engine="LUA", version="1234", functions=["f"], nodes=["h:1", "h:2"]),
        doc.LibraryDocument(name="b", engine="LUA", version="5678", functions=["g", "h"], nodes=["h:2"]),
    ]
    report = doc.FunctionsListReport(
        command="functions list", libraries=libraries, nodes=["h:1", "h:2"], unreachable=["h:3"]
    )
    lines = [" ".join(line.split()) for line in shown(report).splitlines()]
    assert lines == [
        "library engine version functions nodes",
        "a LUA 1234 f all 2",
        "b LUA 5678 g, h h:2",
        "h:3 does not answer",
    ]
    report.libraries = []
    assert shown(report).startswith("no library")
