"""The folders of the engine's core are rooms, and no circle of imports crosses them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

Module = tuple[str, ...]

# A part of a folder that is a room of its own: state stands below the engine, what is done with it above.
INNER_ROOMS: tuple[Module, ...] = (
    ("replication", "state"),
    ("migration", "state"),
    ("persistence", "state"),
    ("scripting", "state"),
)
# The files of a type that know no session, engine or reply; its other files are commands.
VALUE_FILES = {
    *("value", "codec", "field_table", "int_set", "edge", "leaf", "score", "tree", "due", "nodes"),
    *("chunks", "group", "id", "node"),
}
TYPE_COMMANDS = "types/<type>/commands"
# An append-only file is made of requests: its reader gives them as a session gets them. It knows no replies.
FILES_OF_REQUESTS = re.compile(r"formats/aof/\w+ uses resp::(?:Args|Range|request::)")

USE_OF_CHILD = re.compile(r"\buse (\w+)::")
PATH = re.compile(r"\b(?:crate|super|self)(?:::[A-Za-z_]\w*)*(?:::\{)?")


def modules_of(src: Path) -> dict[Module, Path]:
    """All modules of the crate but tests, by their path; the crate's root is left out."""
    modules = {}
    for path in sorted(src.rglob("*.rs")):
        parts = path.relative_to(src).with_suffix("").parts
        name = parts[:-1] if parts[-1] == "mod" else parts
        if not any(part.endswith("tests") or part == "testing" for part in parts) and name != ("lib",):
            modules[name] = path
    return modules


def room_of(module: Module) -> str:
    """The room of a module: its folder, unless a part of the folder is a room of its own."""
    for inner in INNER_ROOMS:
        if module[: len(inner)] == inner:
            return "/".join(inner)
    if module[0] == "types" and len(module) >= 3 and module[1] not in VALUE_FILES:
        return "types" if module[2] in VALUE_FILES else TYPE_COMMANDS
    return module[0]


def code_of(text: str) -> str:
    """The text without comments, visibilities and its tests."""
    text = re.sub(r"//[^\n]*|pub\(in [^)]*\)", "", text)
    return re.split(r"#\[cfg\(test\)\]\s*mod \w+ \{", text)[0]


def group_members(code: str, start: int) -> list[str]:
    """The first names in the braces that open before `start`."""
    depth, at, members, current = 1, start, [], ""
    while depth and at < len(code):
        letter = code[at]
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 1 and letter == ",":
            members.append(current)
            current = ""
        elif depth:
            current += letter
        at += 1
    members.append(current)
    return [re.split(r"::| as ", member.strip())[0] for member in members if member.strip()]


def paths_in(code: str, module: Module) -> Iterator[Module]:
    """Every path in a module's code that starts at the crate or at the module, from the crate's root."""
    for match in PATH.finditer(code):
        text = match[0]
        parts = tuple(part for part in text.split("::") if part not in ("", "{"))
        base: Module = () if parts[0] == "crate" else module
        for number, part in enumerate(parts):
            if part == "super":
                base = base[:-1]
            elif part not in ("crate", "self"):
                parts = parts[number:]
                break
        else:
            parts = ()
        if text.endswith("{"):
            yield from (base + parts + (name,) for name in group_members(code, match.end()))
        else:
            yield base + parts


def with_self(modules: Mapping[Module, Path], at: Module, found: re.Match[str]) -> str:
    """`use child::` in the module that has the child, as `use self::child::`."""
    return f"use self::{found[1]}::" if (*at, found[1]) in modules else found[0]


def edges_of(modules: Mapping[Module, Path]) -> dict[tuple[str, str], list[str]]:
    """Which room imports from which, with the lines that say where."""
    edges: dict[tuple[str, str], list[str]] = {}
    for module, path in modules.items():
        code = USE_OF_CHILD.sub(partial(with_self, modules, module), code_of(path.read_text()))
        for imported in paths_in(code, module):
            target = imported
            while target and target not in modules:
                target = target[:-1]
            if target and room_of(target) != room_of(module):
                line = f"{'/'.join(module)} uses {'::'.join(imported)}"
                edges.setdefault((room_of(module), room_of(target)), []).append(line)
    return edges


def circle_in(edges: Mapping[tuple[str, str], object]) -> list[str]:
    """A shortest circle of rooms, its first room again at the end; empty when there is none."""
    best: list[str] = []
    rooms = {room for edge in edges for room in edge}
    for first in sorted(rooms):
        ways = [[first]]
        seen: set[str] = set()
        while ways:
            way = ways.pop(0)
            for _, after in sorted(edge for edge in edges if edge[0] == way[-1]):
                if after == first and (not best or len(way) + 1 < len(best)):
                    best = [*way, first]
                if after not in seen:
                    seen.add(after)
                    ways.append([*way, after])
    return best


def describe(circle: list[str], edges: Mapping[tuple[str, str], list[str]]) -> str:
    lines = [" -> ".join(circle)]
    for edge in itertools.pairwise(circle):
        lines += [f"  {edge[0]} -> {edge[1]}: {line}" for line in sorted(set(edges[edge]))]
    return "\n".join(lines)


def test_no_import_circle_crosses_rooms_of_the_engine(root: Path) -> None:
    modules = modules_of(root / "node" / "engine" / "core" / "src")
    assert len(modules) > 80
    edges = edges_of(modules)
    circle = circle_in(edges)
    assert not circle, describe(circle, edges)


def test_values_and_keyspace_know_no_session_reply_engine(root: Path) -> None:
    edges = edges_of(modules_of(root / "node" / "engine" / "core" / "src"))
    low, high = ("types", "keyspace", "formats"), ("clients", "resp", "engine", "dispatch", "commands")
    found = [line for edge, lines in edges.items() if edge[0] in low and edge[1] in high for line in lines]
    found = [line for line in found if not FILES_OF_REQUESTS.match(line)]
    assert not found, "\n".join(found)


def test_the_check_sees_a_circle(tmp_path: Path) -> None:
    for name, text in {
        "lib.rs": "mod a;\nmod b;\nmod c;\n",
        "a/mod.rs": "mod inner;\n",
        "a/inner.rs": "//! Not an import: crate::c::C.\nuse super::super::b::B;\nuse crate::{c::C, a::X};\n",
        "b.rs": "fn f() { crate::c::g() }\n",
        "c.rs": "fn g() {}\n#[cfg(test)]\nmod tests {\n    use crate::a::X;\n}\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert set(edges_of(modules_of(tmp_path))) == {("a", "b"), ("a", "c"), ("b", "c")}
    (tmp_path / "c.rs").write_text("use crate::a;\n")
    assert circle_in(edges_of(modules_of(tmp_path))) == ["a", "c", "a"]
