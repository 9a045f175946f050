"""An editable install can be followed by type checkers."""

from __future__ import annotations

import tomllib
from pathlib import Path


def test_editable_install_is_a_path_and_not_an_import_hook(root: Path) -> None:
    """setuptools writes a plain .pth file only if the place of the packages is said in these words."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert settings["package-dir"] == {"": "."}
