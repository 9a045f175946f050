"""Which libraries differ, between primaries and from files."""

from __future__ import annotations

import pytest

from garrison.cluster.core.function_libraries import Difference, Library, find_differences, read_library


def held(**sources: str) -> dict[str, Library]:
    return {name: Library(name, code.encode()) for name, code in sources.items()}


def in_files(**sources: str) -> dict[str, Library]:
    return {name: Library(name, code.encode(), path=f"{name}.lua") for name, code in sources.items()}


@pytest.mark.parametrize(
    ("code", "name", "engine"),
    [
        (b"#!lua name=billing\nredis.register_function(...)", "billing", "LUA"),
        (b"#!python name=billing_2\r\n", "billing_2", "PYTHON"),
        (b"#! lua  name=x", "x", "LUA"),
    ],
)
def test_first_line_names_the_library(code: bytes, name: str, engine: str) -> None:
    library = read_library(code, "file")
    assert library is not None
    assert (library.name, library.engine, library.path, library.code) == (name, engine, "file", code)


@pytest.mark.parametrize("code", [b"", b"return 1", b"#!lua", b"#!lua flags=no-writes", b"\n#!lua name=x"])
def test_source_without_a_name_is_none(code: bytes) -> None:
    assert read_library(code, "file") is None


def test_same_libraries_have_no_difference() -> None:
    primaries = {"a": held(x="1", y="2"), "b": held(x="1", y="2")}
    assert find_differences(primaries, {}, files_are_all=False) == []
    assert find_differences(primaries, in_files(x="1"), files_are_all=False) == []
    assert find_differences(primaries, in_files(x="1", y="2"), files_are_all=True) == []


def test_missing_library_is_found() -> None:
    primaries = {"a": held(x="1"), "b": held(), "c": held(x="1")}
    assert find_differences(primaries, {}, files_are_all=False) == [
        Difference("x", "missing", ("b",), "a, c")
    ]
    assert find_differences({"a": held(), "b": held()}, in_files(x="1"), files_are_all=False) == [
        Difference("x", "missing", ("a", "b"), "x.lua")
    ]


def test_source_of_most_primaries_is_right() -> None:
    primaries = {"a": held(x="old"), "b": held(x="new"), "c": held(x="new")}
    [found] = find_differences(primaries, {}, files_are_all=False)
    assert (found.kind, found.nodes, found.reference) == ("different", ("a",), "b, c")
    assert found.lines == ("--- b, c", "+++ a", "@@ -1 +1 @@", "-new", "+old")


def test_first_primary_is_right_where_none_has_most() -> None:
    [found] = find_differences({"a": held(x="1"), "b": held(x="2")}, {}, files_are_all=False)
    assert (found.nodes, found.reference) == (("b",), "a")


def test_file_is_right_against_all_primaries() -> None:
    primaries = {"a": held(x="1"), "b": held(x="2"), "c": held(x="1")}
    found = find_differences(primaries, in_files(x="3"), files_are_all=False)
    assert [(each.kind, each.nodes, each.reference) for each in found] == [
        ("different", ("a", "c"), "x.lua"),
        ("different", ("b",), "x.lua"),
    ]


def test_library_in_no_file_counts_for_folders() -> None:
    primaries = {"a": held(x="1", y="1"), "b": held(x="1")}
    assert find_differences(primaries, in_files(x="1"), files_are_all=True) == [
        Difference("y", "unknown", ("a",), "")
    ]


def test_version_follows_the_source() -> None:
    assert Library("x", b"1").version == Library("y", b"1").version == "356a192b"
    assert Library("x", b"2").version != Library("x", b"1").version
