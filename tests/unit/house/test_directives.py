"""The table of directives says who uses each one; here it is compared with who really does."""

from __future__ import annotations

import re
from pathlib import Path

from garrison.node.directives import DIRECTIVES, Use


def read_by_the_engine(root: Path) -> set[str]:
    text = (root / "node/engine/core/src/settings/mod.rs").read_text()
    table = text[text.index("\nsettings! {") :]
    return set(re.findall(r', "([a-z0-9-]+)";', table[: table.index("\n}\n")]))


def test_the_engine_reads_what_the_table_says(root: Path) -> None:
    reads = read_by_the_engine(root)
    assert "maxclients" in reads
    claimed = {name for name, row in DIRECTIVES.items() if row.use in (Use.ENGINE, Use.BOTH)}
    silent = {name for name in reads if DIRECTIVES[name].use is Use.NOTHING}
    assert sorted(silent) == [], "the engine reads these: say so in node/directives"
    assert sorted(claimed - reads) == [], "nobody in the engine reads these: they are Use.NOTHING"


def fields_of_the_engine(root: Path) -> dict[str, str]:
    """Directives by the name of their field."""
    text = (root / "node/engine/core/src/settings/mod.rs").read_text()
    table = text[text.index("\nsettings! {") :]
    rows = re.findall(r"\n    (\w+): .*?, \"([a-z0-9-]+)\";\n", table[: table.index("\n}\n") + 1], re.DOTALL)
    return dict(rows)


def test_engine_reads_each_value_it_claims(root: Path) -> None:
    """A field that is filled and never looked at is a promise that is not kept."""
    fields = fields_of_the_engine(root)
    assert set(fields.values()) == read_by_the_engine(root)
    sources = [
        re.sub(r"#\[cfg\(test\)\]\s*mod tests \{.*", "", path.read_text(), flags=re.DOTALL)
        for path in sorted((root / "node/engine").glob("*/src/**/*.rs"))
        if "tests" not in path.stem
    ]
    everything = "\n".join(sources)
    of_settings = "\n".join(text for text in sources if "impl Settings" in text)
    unread = [
        directive
        for field, directive in fields.items()
        if not re.search(rf"settings(\(\))?\s*\.{field}\b", everything)
        and not re.search(rf"self\s*\.{field}\b", of_settings)
    ]
    assert unread == [], "nobody reads these: they are Use.NOTHING, or wait for the code that reads them"


def test_control_plane_names_what_it_claims_to_read(root: Path) -> None:
    claimed = {name for name, row in DIRECTIVES.items() if row.use in (Use.CONTROL, Use.BOTH)}
    folders = [root / "node", root / "base", root / "cluster"]
    text = "\n".join(
        path.read_text()
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if "directives" not in path.parts and "engine" not in path.parts
    )
    by_signal = ("shutdown-on-sigint", "shutdown-on-sigterm")
    unread = sorted(name for name in claimed if name not in text and name not in by_signal)
    assert unread == [], "nobody in the control plane names these"
