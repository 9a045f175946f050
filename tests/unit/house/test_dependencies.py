"""Dependencies are declared where they are used: nothing is declared for nobody, nothing used undeclared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import COMPONENTS
from tests.sources import parsed

NO_IMPORT = {"pytest_timeout", "pytest_xdist", "mypy", "ruff", "coverage", "build", "moto", "types_PyYAML"}
"""Tools that are run, or plugins of pytest, rather than imported."""
DATA = {"tzdata"}
"""Read by the standard library where the system has none: time zones, in a container for instance."""
IMPORTED_AS = {
    "python_redis_lock": "redis_lock",
    "pyyaml": "yaml",
    "opentelemetry_api": "opentelemetry",
    "opentelemetry_sdk": "opentelemetry",
    "opentelemetry_exporter_otlp_proto_http": "opentelemetry",
}
"""Distributions whose module has another name."""


def third_party(paths: list[Path]) -> set[str]:
    """The top-level modules that these files import and neither Python nor this tree has."""
    found = set()
    for path in paths:
        for statement in ast.walk(parsed(path)):
            if isinstance(statement, ast.Import):
                found |= {alias.name.split(".")[0] for alias in statement.names}
            elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
                found.add(statement.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"garrison", "tests", "bench", "__future__"}


def names(requirements: list[str]) -> set[str]:
    """The modules of distributions, as they are imported."""
    found = {re.split(r"[<>=!~\[; ]", requirement)[0].replace("-", "_") for requirement in requirements}
    return {IMPORTED_AS.get(name, name) for name in found}


def sources(root: Path, *folders: str) -> list[Path]:
    """Files of folders, without the engine's, without what is reached twice by a link, and without campaigns.

    A campaign installs what it needs itself.
    """
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    found = [path for path in paths if not path.name.startswith("campaign_")]
    return [path for path in found if "engine" not in path.relative_to(root).parts]


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, set[str]]:
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    optional = declared["optional-dependencies"]
    dev = names(optional.pop("dev"))
    extras = {name for requirements in optional.values() for name in names(requirements)}
    return {"runtime": names(declared["dependencies"]), "extras": extras, "dev": dev}


def test_package_declares_what_it_imports_and_no_more(root: Path, project: dict[str, set[str]]) -> None:
    assert (
        third_party(sources(root, *COMPONENTS, "garrison")) == project["runtime"] - DATA | project["extras"]
    )


def test_tests_declare_what_they_import_and_no_more(root: Path, project: dict[str, set[str]]) -> None:
    local = {path.stem for path in sources(root, "tests", "bench")}
    used = third_party(sources(root, "tests", "bench")) - local - project["runtime"]
    assert used == project["dev"] - NO_IMPORT
