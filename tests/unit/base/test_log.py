"""The log's lines are those that supervisors parse."""

from __future__ import annotations

import os
import re
from pathlib import Path

from garrison.base.log import Log


def test_the_format_of_a_line(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.role = "M"
    log.notice("Ready to accept connections")
    stamp = r"\d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d\.\d{3}"
    pattern = rf"{os.getpid()}:M {stamp} \* Ready to accept connections\n"
    assert re.fullmatch(pattern, (tmp_path / "log").read_text())


def test_levels(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), "verbose")
    for level in ("debug", "verbose", "notice", "warning"):
        log.write(level, level)
    log.set_level("warning")
    log.notice("hidden")
    assert [line.split(" ", 5)[-1] for line in (tmp_path / "log").read_text().splitlines()] == [
        "- verbose",
        "* notice",
        "# warning",
    ]


def test_a_log_that_cannot_be_written_costs_no_node(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "gone" / "log"))
    log.warning("lost")
    assert log.lost == 1
    assert log.check().startswith("cannot open the log file")


def test_a_renamed_file_is_opened_anew(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.notice("one")
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.notice("two")
    assert (tmp_path / "log").read_text().endswith("* two\n")


def test_start_is_one_line_where_nobody_looks_on(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.starts("standalone", "6379", always_logo=False)
    assert (tmp_path / "log").read_text().endswith("* Running mode=standalone, port=6379.\n")


def test_level_nothing_writes_nothing(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), "nothing")
    log.warning("hidden")
    log.starts("cluster", "7000", always_logo=True)
    assert not (tmp_path / "log").exists()
