"""The files of the page as they are served."""

from __future__ import annotations

import re
from pathlib import Path

from garrison.cluster.web.assets import CONTENT_SECURITY_POLICY, HEADERS, assets


def test_page_is_its_own_index() -> None:
    assert assets()[""] is assets()["index.html"]
    assert assets()[""].media_type.startswith("text/html")


def test_every_file_of_the_folder_is_served_but_python(root: Path) -> None:
    folder = root / "cluster" / "web"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    served = {name for name in files if not name.endswith((".py", ".pyc"))}
    assert set(assets()) == served | {""}


def test_nothing_else_is_served() -> None:
    for path in (
        "assets.py",
        "__init__.py",
        "../web/index.html",
        "js",
        "js/",
        "%2e%2e/daemon",
        "index.html/",
    ):
        assert path not in assets()


def test_files_that_the_page_names_exist() -> None:
    named = re.findall(rb'(?:href|src)="([\w./]+)"', assets()[""].content)
    own = {name.decode() for name in named} - {"openapi.json"}
    assert {"page.css", "views.css", "js/main.js"} <= own
    assert own <= set(assets())


def test_modules_import_only_each_other() -> None:
    for name, asset in assets().items():
        if name.startswith("js/"):
            for imported in re.findall(r'from "([^"]+)"', asset.content.decode()):
                assert imported.startswith("./")
                assert f"js/{imported[2:]}" in assets(), name


def test_policy_allows_nothing_inline_or_foreign() -> None:
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'self';")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert HEADERS["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    page = assets()[""].content
    assert not re.search(rb"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page)
