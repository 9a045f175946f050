"""Who may import whom: the borders that DESIGN.md draws, read from the sources themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import COMPONENTS
from tests.sources import parsed

MAY_IMPORT = {component: {component, "base", "client"} for component in COMPONENTS} | {"base": {"base"}}
FORBIDDEN_IN_CORE = {
    "asyncio",
    "socket",
    "time",
    "random",
    "threading",
    "os",
    "uvloop",
    "subprocess",
    "selectors",
}
ALLOWED_NAMES_IN_CORE = {("random", "Random")}  # the type of a seeded generator that is handed in


def imports_of(path: Path) -> Iterator[tuple[str, str | None]]:
    """Every (module, name) that a file imports, wherever it stands; name is None for `import x`."""
    for statement in ast.walk(parsed(path)):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield alias.name, None
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                yield "." * statement.level + (statement.module or ""), alias.name


def core_violations(path: Path) -> list[str]:
    found = []
    for module, name in imports_of(path):
        top = module.split(".")[0]
        if top in FORBIDDEN_IN_CORE and (module, name or "") not in ALLOWED_NAMES_IN_CORE:
            found.append(f"{path} imports {module}: a core decides, its shell touches the world")
    return found


def border_violations(path: Path, component: str) -> list[str]:
    found = []
    for module, name in imports_of(path):
        if module.startswith("."):
            found.append(f"{path} imports {module}: write garrison.{component}... in full")
        parts = module.split(".") if module != "garrison" else ["garrison", name or ""]
        if parts[0] != "garrison" or len(parts) < 2 or parts[1] not in COMPONENTS:
            continue
        if parts[1] not in MAY_IMPORT[component]:
            allowed = sorted(MAY_IMPORT[component])
            found.append(f"{path} imports {module}: {component} may import {allowed}")
    return found


def sources(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if "target" not in path.parts]


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_core_touches_no_clock_socket_file_or_thread(root: Path, component: str) -> None:
    violations = [line for path in sources(root / component / "core") for line in core_violations(path)]
    assert not violations, "\n".join(violations)


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_import_only_what_they_may(root: Path, component: str) -> None:
    violations = [line for path in sources(root / component) for line in border_violations(path, component)]
    assert not violations, "\n".join(violations)


def test_the_checks_see_a_violation(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "def f():\n    import time\n    from garrison.cluster import x\n    from garrison import sentinel\n"
    )
    assert len(core_violations(path)) == 1
    assert len(border_violations(path, "node")) == 2


def test_a_seeded_generator_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "good.py"
    path.write_text("from random import Random\n")
    assert core_violations(path) == []
