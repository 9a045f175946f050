"""Words, quotes, escapes, includes, options and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.base.config_text import (
    INCLUDE_DEPTH_MAX,
    ConfigError,
    lines_of,
    lines_of_environment,
    lines_of_file,
    lines_of_options,
    split_words,
)
from garrison.base.value_types import quoted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("port 7000", ["port", "7000"]),
        ("  save   900\t1 ", ["save", "900", "1"]),
        ('save ""', ["save", ""]),
        (r'requirepass "a b\n\x41\"\\"', ["requirepass", 'a b\nA"\\']),
        (r"requirepass 'a \' \n'", ["requirepass", r"a ' \n"]),
        (r'x "\xzz"', ["x", "xzz"]),
        ('x "\\xff"', ["x", "\udcff"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize("text", ['"open', "'open", '"a"b', "'a'b", '"\\'])
def test_bad_quotes(text: str) -> None:
    with pytest.raises(ValueError, match="quote"):
        split_words(text)


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=4))
def test_what_is_quoted_reads_back(words: list[str]) -> None:
    assert split_words(" ".join(quoted(word) for word in words)) == words


def test_lines_know_their_number() -> None:
    found = list(lines_of("# comment\n\n  port 1\r\n bind a b\n", "f.conf"))
    assert [(line.number, line.words) for line in found] == [(3, ["port", "1"]), (4, ["bind", "a", "b"])]
    assert found[0].place == "f.conf, line 3"


def test_a_bad_line_is_named() -> None:
    with pytest.raises(ConfigError, match=r"f\.conf, line 1: '\(hidden\)': a quote stays open"):
        list(lines_of('requirepass "secret\n', "f.conf"))
    with pytest.raises(ConfigError, match=r"f\.conf, line 2: '\"x': a quote stays open"):
        list(lines_of('port 1\n"x', "f.conf"))


def test_includes_in_place_and_by_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text(f"port 1\ninclude {tmp_path}/parts/*.conf\nport 4\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.conf").write_text("port 2\n")
    (tmp_path / "parts" / "2.conf").write_text("port 3\n")
    assert [line.words[1] for line in lines_of_file(str(tmp_path / "a.conf"))] == ["1", "2", "3", "4"]


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text(f"include {path}\n")
    with pytest.raises(ConfigError, match=f"deeper than {INCLUDE_DEPTH_MAX}"):
        list(lines_of_file(str(path)))


def test_a_missing_include_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("include nowhere.conf\n")
    with pytest.raises(ConfigError, match=r"cannot read the configuration file nowhere\.conf"):
        list(lines_of_file(str(path)))


def test_options() -> None:
    found = [
        line.words for line in lines_of_options(["--port", "7000", "--save", "1", "2", "--bind", "-::1"])
    ]
    assert found == [["port", "7000"], ["save", "1", "2"], ["bind", "-::1"]]


def test_a_word_where_an_option_must_be() -> None:
    with pytest.raises(ConfigError, match="'port' is not an option"):
        list(lines_of_options(["port", "1"]))


def test_environment() -> None:
    found = list(
        lines_of_environment({"GARRISON_SAVE": "1 2", "GARRISON_X": "y", "PORT": "1"}, ["save", "port"])
    )
    assert [line.words for line in found] == [["save", "1", "2"]]
    assert found[0].place == "environment variable GARRISON_SAVE"
