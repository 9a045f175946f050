"""The addresses that texts refer to are those of the project, and the documents are there."""

from __future__ import annotations

import re
from pathlib import Path

from garrison.base.about import COMPATIBILITY_URL, DOCS_URL


def test_address_is_the_projects_and_the_engines(root: Path) -> None:
    homepage = re.search(r'^Homepage = "(.+)"$', (root / "pyproject.toml").read_text(), re.MULTILINE)
    assert homepage is not None
    assert DOCS_URL.startswith(homepage[1])
    assert (root / "docs" / COMPATIBILITY_URL.removeprefix(DOCS_URL)).is_file()
    assert COMPATIBILITY_URL in (root / "node/engine/core/src/resp/peer_commands.rs").read_text()
