"""No password of the command line is shown in the list of processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from garrison.base.process_title import expand_template, masked_words


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("garrison node --requirepass x --port 7000", "garrison node --requirepass *** --port 7000"),
        ("node --masterauth x --masteruser bob", "node --masterauth *** --masteruser bob"),
        ("node --requirepass --port 7000", "node --requirepass --port 7000"),
        ("cluster check -a x h:1", "cluster check -a *** h:1"),
        ("cluster check -asecret h:1", "cluster check -a*** h:1"),
        ("cluster check --pass=x --askpass h:1", "cluster check --pass=*** --askpass h:1"),
        ("cluster import h:1 --from-askpass h:2", "cluster import h:1 --from-askpass h:2"),
        ("cluster import h:1 --from-pass x", "cluster import h:1 --from-pass ***"),
        ("cluster check redis://bob:x@h:1", "cluster check redis://bob:***@h:1"),
        ("cluster check redis://:a@b/c@h:1", "cluster check redis://:***@h:1"),
        ("cluster check redis://h:1", "cluster check redis://h:1"),
        ("cluster call h:1 AUTH bob x", "cluster call h:1 AUTH *** ***"),
        ("cluster call h:1 CONFIG SET requirepass x", "cluster call h:1 CONFIG SET requirepass ***"),
        ("node --user bob on >x #0a ~*", "node --user bob on >*** #*** ~*"),
        ("node --user bob on (+get >x)", "node --user bob on (+get >***"),
        ("node --user bob on (>x +get)", "node --user bob on (>*** +get)"),
        ("sentinel f --sentinel auth-pass m x", "sentinel f --sentinel auth-pass m ***"),
    ],
)
def test_passwords_are_hidden(given: str, shown: str) -> None:
    assert masked_words(given.split()) == shown.split()


def test_running_process_shows_no_password(tmp_path: Path) -> None:
    code = (
        "import sys; from garrison.base.process_title import hide_passwords;"
        "hide_passwords(); print('hidden', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "--requirepass", "geheim", "--port", "7000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.communicate(b"")
    assert b"geheim" not in shown
    assert b"--requirepass *** --port 7000" in shown


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("{title} {port}", "garrison 7000"),
        ("{{title}} {port}", "{title}} 7000"),
        ("{port} {empty}", "7000"),
        ("plain", "plain"),
    ],
)
def test_template_is_expanded(template: str, title: str) -> None:
    assert expand_template(template, {"title": "garrison", "port": "7000", "empty": ""}) == title


@pytest.mark.parametrize("template", ["{nothing}", "{title", "{title} {", "{}"])
def test_bad_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="invalid or contains unknown variables"):
        expand_template(template, {"title": "garrison"})
