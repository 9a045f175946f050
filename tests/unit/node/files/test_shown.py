"""Keys as text, and failures as one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from garrison.node.files.shown import KEY_CHARACTERS_MAX, checked_size, failures_told, shown, table, text_of


def test_key_is_shown_without_what_does_not_print() -> None:
    assert shown(b"user:\xc3\xbc\n\xff\x1b[0m") == "user:ü\\n\\xff\\x1b[0m"
    long = shown(b"x" * 200)
    assert len(long) == KEY_CHARACTERS_MAX
    assert long.endswith("...")


def test_key_as_text_loses_no_byte() -> None:
    key = bytes(range(256))
    text = json.loads(json.dumps(text_of(key)))
    assert text.encode("utf-8", "surrogateescape") == key


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.rdb"), "a.rdb: No such file or directory"),
        (OSError("the disk is gone"), "the disk is gone"),
        (ValueError("a.rdb: damaged; copy it again"), "a.rdb: damaged; copy it again"),
    ],
)
def test_failure_is_one_line_and_exit_code_1(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as left, failures_told("garrison rdb check"):
        raise error
    assert left.value.exit_code == 1
    assert capsys.readouterr().err == f"garrison rdb check: {line}\n"


def test_reader_that_is_gone_is_no_failure_of_the_file() -> None:
    with pytest.raises(BrokenPipeError), failures_told("garrison rdb json"):
        raise BrokenPipeError


def test_size_of_a_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert checked_size(tmp_path / "file") == 3
    with pytest.raises(IsADirectoryError) as raised:
        checked_size(tmp_path)
    assert raised.value.filename == str(tmp_path)


def test_table_shows_brackets_of_keys_as_they_are() -> None:
    made = table("Keys", ("key", "bytes"), [("[red]x[/]", "1")])
    assert list(made.columns[0].cells) == ["\\[red]x\\[/]"]
    assert made.columns[1].justify == "right"
