"""The files and names that docs/architecture.md walks through exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath

SOURCES = ("base", "bench", "cli", "client", "cluster", "garrison", "node", "sentinel", "tests")
WALKS = ("a SET", "a gossip frame", "an election", "a reshard", "a manager's job", "client.get")
FILE = re.compile(r"[\w/.-]*\w\.(?:py|rs)|\w[\w-]*(?:/[\w-]+)+/?")
MEMBER = re.compile(r"([A-Z]\w*)(?:\.|::)([a-z_]\w*)")
NAME = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)*|[a-z]+(?:_[a-z0-9]+)+")
TEST = re.compile(r"(test_\w+\.py)::(test_\w+)")
DEFINITION = re.compile(r"\b(?:def|class|fn|struct|enum|trait|type)\s+(\w+)")


@cache
def sources(root: Path) -> dict[tuple[str, ...], str]:
    """The text of each source file, by the parts of its path; `src` is left out, as the document does."""
    return {
        tuple(part for part in path.relative_to(root).parts if part != "src"): path.read_text()
        for top in SOURCES
        for path in (root / top).rglob("*.*")
        if path.suffix in (".py", ".rs") and "target" not in path.parts and not path.is_symlink()
    }


@cache
def words(root: Path) -> set[str]:
    return {word for text in sources(root).values() for word in re.findall(r"\w+", text)}


@cache
def defined(root: Path) -> set[str]:
    return {word for text in sources(root).values() for word in DEFINITION.findall(text)}


def is_there(root: Path, name: str) -> bool:
    """Whether a file, or a folder, has a path with these parts in it."""
    parts = tuple(part for part in PurePosixPath(name).parts if part != "src")
    return (root / name).exists() or any(
        path[at : at + len(parts)] == parts
        for known in sources(root)
        for path in (known, (*known[:-1], PurePosixPath(known[-1]).stem))
        for at in range(len(path) - len(parts) + 1)
    )


def is_known(root: Path, token: str) -> bool:
    """Whether what the document puts in backticks exists, as far as it names something in the sources."""
    texts = sources(root)
    if found := TEST.fullmatch(token):
        return any(found[1] == path[-1] and f"def {found[2]}(" in text for path, text in texts.items())
    if FILE.fullmatch(token):
        return is_there(root, token)
    if found := MEMBER.fullmatch(token):
        return set(found.groups()) <= defined(root)
    if NAME.fullmatch(token):
        return token in words(root)
    return True


def test_files_and_names_of_the_architecture_exist(root: Path) -> None:
    text = (root / "docs" / "architecture.md").read_text()
    tokens = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    assert sorted(token for token in tokens if not is_known(root, token)) == []


def test_the_walks_are_written_down(root: Path) -> None:
    text = (root / "docs" / "architecture.md").read_text()
    for walk in WALKS:
        section = text.partition(f"\n## The way of {walk}\n")[2].partition("\n## ")[0]
        assert len(re.findall(r"`[\w/]+\.(?:py|rs)`", section)) >= 5, walk


def test_a_name_that_is_gone_is_noticed(root: Path) -> None:
    there = [
        "engine/core/src/dispatch/execute.rs",
        "core/polling.py",
        "node/border/",
        "Executor.keyed",
        "View",
    ]
    assert [is_known(root, token) for token in there] == [True] * len(there)
    # Put together, so that they do not stand here themselves.
    gone = ["core/keyspace/db" + ".rs", "node/nowhere/", "Executor." + "keeyed", "copies_" + "unwanted"]
    assert [is_known(root, token) for token in gone] == [False] * len(gone)
