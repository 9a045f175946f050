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
