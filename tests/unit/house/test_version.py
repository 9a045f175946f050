"""One version for the package, the crates, INFO and --version; one for Redis; one for the oldest Rust."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import garrison
from garrison.node import __main__ as node
from garrison.node import _engine
from garrison.sentinel import __main__ as sentinel
from garrison.sentinel.server.login import REDIS_VERSION as REDIS_VERSION_OF_SENTINEL

WALL_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def workspace(root: Path) -> dict[str, Any]:
    text = (root / "node/engine/Cargo.toml").read_text()
    found: dict[str, Any] = tomllib.loads(text)["workspace"]
    return found


def info_of_engine() -> dict[str, str]:
    engine = _engine.BareEngine({}, 1, WALL_MS, 1000)
    client = engine.open("127.0.0.1:50000")
    engine.begin_turn(WALL_MS, 1000)
    engine.receive(client, b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n")
    (_, data, _), *_ = engine.end_turn(False, 1000)[1]
    return dict(line.split(":", 1) for line in data.decode().split("\r\n") if ":" in line)


def test_crates_and_package_have_one_version(root: Path, workspace: dict[str, Any]) -> None:
    assert workspace["package"]["version"] == garrison.__version__
    lock = tomllib.loads((root / "node/engine/Cargo.lock").read_text())
    crates = {each["name"]: each["version"] for each in lock["package"]}
    ours = {name: version for name, version in crates.items() if name.startswith("garrison-")}
    assert set(ours.values()) == {garrison.__version__}
    for member in workspace["members"]:
        package = tomllib.loads((root / "node/engine" / member / "Cargo.toml").read_text())["package"]
        assert package["version"] == package["rust-version"] == {"workspace": True}


def test_built_engine_and_info_have_that_version() -> None:
    info = info_of_engine()
    assert info["garrison_version"] == _engine.VERSION == garrison.__version__
    assert info["redis_version"] == _engine.REDIS_VERSION


@pytest.mark.parametrize(
    ("main", "redis_version"),
    [(node.main, _engine.REDIS_VERSION), (sentinel.main, REDIS_VERSION_OF_SENTINEL)],
)
def test_version_option_says_what_info_says(
    main: Callable[[Sequence[str]], int], redis_version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert f"v={garrison.__version__} redis_version={redis_version} " in said


def test_readme_and_documents_name_the_level_that_info_tells(root: Path) -> None:
    level = ".".join(_engine.REDIS_VERSION.split(".")[:2])
    for name in ("README.md", "docs/compatibility.md"):
        named = re.findall(r"(?:of|matches) Redis (\d+\.\d+)", (root / name).read_text())
        assert named, name
        assert named[0] == level, f"{name} names Redis {named[0]}, INFO says {level}"


def test_oldest_rust_is_the_same_everywhere(root: Path, workspace: dict[str, Any]) -> None:
    oldest = workspace["package"]["rust-version"]
    found = re.search(r"^rust_min=(\S+)$", (root / ".ci/toolchain").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == oldest


def test_no_dependency_asks_for_a_newer_rust(root: Path, workspace: dict[str, Any]) -> None:
    if shutil.which("cargo") is None and not (Path.home() / ".cargo/bin/cargo").exists():
        pytest.skip("cargo is not here")
    command = ". .ci/toolchain && cargo metadata --offline --locked --format-version 1 "
    command += "--filter-platform x86_64-unknown-linux-gnu --manifest-path "
    done = subprocess.run(
        ["sh", "-c", command + "node/engine/Cargo.toml"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"cargo has not fetched the dependencies here: {done.stderr.strip()[:200]}")
    asked = {each["name"]: each["rust_version"] or "0" for each in json.loads(done.stdout)["packages"]}
    assert "pyo3" in asked

    def number(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    oldest = number(workspace["package"]["rust-version"])
    newer = {name: version for name, version in asked.items() if number(version)[:2] > oldest}
    assert not newer, f"raise rust-version, or hold these back: {newer}"
