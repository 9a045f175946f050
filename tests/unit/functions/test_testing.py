"""`garrison functions test`: a library that is sound, one whose example fails, one that cannot be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.functions.testing import examples_of, main, printed

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

LIBRARY = '''#!python name={name}
from garrison.functions import Database, function

@function
def {name}(keys: list[bytes], args: list[bytes], db: Database) -> int:
    """Count up.

    >>> call("{name}", "k"), call("{name}", "k", args=[5])
    (1, 6)
    >>> redis("GET", "k")
    {stored}
    """
    number = int(db.read("GET", keys[0]) or 0) + int(args[0] if args else 1)
    db.write("SET", keys[0], number)
    print("counted")
    return number
'''


def test_libraries_are_loaded_and_their_examples_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, broken = (tmp_path / f"{name}.py" for name in ("good", "bad", "broken"))
    good.write_text(LIBRARY.format(name="good", stored="b'6'"))
    bad.write_text(LIBRARY.format(name="bad", stored="b'7'"))
    broken.write_text(
        "#!python name=broken\nfrom garrison.functions import function\n@function\ndef f(: ...\n"
    )
    assert main(["test", str(good)]) == 0
    out = capsys.readouterr().out
    assert "library good, 2 examples, 0 failed" in out
    assert "  counted" in out
    assert main(["test", str(good), str(bad), str(broken)]) == 1
    out = capsys.readouterr().out
    assert "library bad, 2 examples, 1 failed" in out
    assert "SyntaxError" in out


def test_wrong_command_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["--help"]) == 0
    assert main(["run", "x"]) == 2
    assert main(["test", "/no/such/file"]) == 2
    assert "there is no file /no/such/file" in capsys.readouterr().err


def test_examples_are_read_from_the_source() -> None:
    found = examples_of(LIBRARY.format(name="f", stored="b''"), "f.py")
    assert [(each.name, len(each.examples)) for each in found] == [("f", 2)]
    assert printed("1:M # Function worker 7: a: b\nother\n") == ["a: b"]
