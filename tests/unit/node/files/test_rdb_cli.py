"""`garrison rdb` on files that real servers wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

from garrison.node.files.rdb_cli import main

REDIS, VALKEY = "redis-7.0.rdb", "valkey-9.1.rdb"


@pytest.fixture
def golden(root: Path) -> Path:
    return root / "tests" / "integration" / "golden"


@pytest.fixture
def damaged(golden: Path, tmp_path: Path) -> Path:
    path = tmp_path / "damaged.rdb"
    path.write_bytes((golden / REDIS).read_bytes()[:5000])
    return path


def document_of(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    assert main(words) == code
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def test_report_sums_every_key(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = document_of(capsys, "report", str(golden / REDIS), "--json", "--top", "3")
    assert document["keys"] == 39
    assert document["version"] == 10
    for part in ("types", "databases", "expiry"):
        assert sum(each["keys"] for each in document[part]) == 39  # type: ignore[attr-defined]
    prefixes, others = document["prefixes"], document["other_prefixes"]
    assert [each["prefix"] for each in prefixes] == ["list:", "hll:", "string:"]  # type: ignore[attr-defined]
    assert sum(each["keys"] for each in prefixes) + others["keys"] == 39  # type: ignore[attr-defined, index]
    assert document["biggest"][0]["key"] == "list:plain"  # type: ignore[index]
    assert document["aux"]["redis-ver"] == "7.0.15"  # type: ignore[index]


def test_report_as_table_names_the_biggest_keys(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(golden / VALKEY)]) == 0
    out = capsys.readouterr().out
    assert "Valkey RDB version 80 of Valkey 9.1" in out
    for words in ("Types", "Prefixes", "Time until expiry", "Biggest keys", "string:compressed"):
        assert words in out


def test_report_as_csv_has_a_row_for_each_key(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(golden / REDIS), "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 40


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["--format", "parquet"], "is needed for Parquet"), (["--output", "x"], "goes with --format csv")],
)
def test_output_that_does_not_fit_is_wrong_usage(
    golden: Path, words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(golden / REDIS), *words]) == 2
    assert hint in capsys.readouterr().err


def test_json_has_a_line_for_each_key(golden: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["json", str(golden / VALKEY)]) == 0
    keys = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    expected = json.loads((golden / "valkey-9.1.json").read_text())
    assert sorted(key["key"] for key in keys) == sorted(expected)
    values = {key["key"]: key["value"] for key in keys}
    assert values["list:small"] == ["a", "1", "-70000", ""]
    assert values["string:binary"].encode("utf-8", "surrogateescape") == bytes(range(256))
    assert values["stream"]["last_id"] == "12-0"


def test_json_is_filtered(golden: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    words = ["--match", "*small", "--type", "list", "--type", "hash", "--db", "0"]
    assert main(["json", str(golden / REDIS), *words]) == 0
    keys = [json.loads(line)["key"] for line in capfdbinary.readouterr().out.splitlines()]
    assert sorted(keys) == ["hash:small", "list:small"]
    assert main(["json", str(golden / REDIS), "--db", "1"]) == 0
    assert capfdbinary.readouterr().out == b""


def test_json_of_a_damaged_file_ends_with_an_error(
    damaged: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["json", str(damaged)]) == 1
    out, err = capfdbinary.readouterr()
    assert len([json.loads(line) for line in out.splitlines()]) == 31
    assert b"damaged.rdb: RDB offset" in err


def test_diff_tells_each_difference(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = str(golden / VALKEY), str(golden / REDIS)
    assert main(["diff", old, new, "--keys-max", "5", "--json"]) == 1
    found = sorted(json.loads(line)["key"] for line in capsys.readouterr().out.splitlines())
    assert found == ["hash:expiring", "hash:expiring:many"]
    assert main(["diff", old, new]) == 1
    assert "- db 0 hash:expiring (hash)" in capsys.readouterr().out.splitlines()


def test_diff_of_a_file_with_itself_is_empty(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(golden / REDIS), str(golden / REDIS)]) == 0
    assert capsys.readouterr() == ("", "no difference\n")


@pytest.mark.parametrize("name", [REDIS, VALKEY])
def test_file_of_a_real_server_is_sound(golden: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(golden / name)]) == 0
    assert capsys.readouterr().out.endswith("the file is sound\n")
    assert document_of(capsys, "check", str(golden / name), "--json")["ok"] is True


def test_check_says_where_a_file_ends_and_what_to_do(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(damaged)]) == 1
    err = capsys.readouterr().err
    assert "read 31 keys before this" in err
    assert 'RDB offset 4990, key "set:many"' in err
    assert "copy it again" in err
    document = document_of(capsys, "check", str(damaged), "--json", code=1)
    assert (document["ok"], document["keys"]) == (False, 31)


def test_function_libraries_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Version 1 has no checksum.
    path = tmp_path / "functions.rdb"
    source = b"#!lua name=mylib\nredis.register_function('f', function() return 1 end)"
    path.write_bytes(b"REDIS0001\xf5\x40" + bytes([len(source)]) + source + b"\xff")
    assert main(["check", str(path)]) == 0
    assert "function library: #!lua name=mylib" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["report", "json", "check"])
def test_missing_file_is_named(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing.rdb"
    assert main([command, str(path)]) == 1
    assert capsys.readouterr().err == f"garrison rdb {command}: {path}: No such file or directory\n"
