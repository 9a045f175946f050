"""The banner has the lines that scripts look for."""

from __future__ import annotations

import os
from pathlib import Path

from garrison.base.banner import banner, is_wanted
from garrison.base.log import Log


def test_banner_names_mode_port_and_process(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.starts("cluster", "7000", always_logo=True)
    text = (tmp_path / "log").read_text()
    assert banner("cluster", 7000) == text
    for line in ("Running in cluster mode", "Port: 7000", f"PID: {os.getpid()}"):
        assert line in text


def test_log_that_nobody_watches_has_no_banner() -> None:
    assert is_wanted(True, "", False)
    assert not is_wanted(False, "/var/log/garrison", False)
    assert not is_wanted(False, "", True)
