"""Loading a library, and the texts of its errors."""

from __future__ import annotations

import pytest

from garrison.functions import CommandError, FunctionError
from garrison.functions.core.library import error_text, load

SOURCE = b"""#!python name=lib
from garrison.functions import function
@function(name="Up")
def up(keys, args, db):
    return args[0].upper() + b"!"
"""


def test_library_gives_its_functions() -> None:
    functions = load("lib", SOURCE)
    assert functions["up"]([], [b"a"], None) == b"A!"  # type: ignore[arg-type]
    assert list(functions) == ["up"]


def test_two_libraries_share_no_names() -> None:
    first, second = load("a", SOURCE)["up"], load("b", SOURCE)["up"]
    assert first.__globals__ is not second.__globals__


def test_errors_tell_the_line_of_the_library() -> None:
    with pytest.raises(IndexError) as caught:
        load("lib", SOURCE)["up"]([], [], None)  # type: ignore[arg-type]
    text = error_text(caught.value, "up", "lib")
    assert text == "ERR Error running function 'up' on line 5: IndexError: list index out of range"


def test_errors_of_authors_and_commands_keep_their_codes() -> None:
    assert error_text(FunctionError("SOLDOUT  none\nleft"), "f", "lib") == "SOLDOUT none left"
    assert error_text(CommandError("WRONGTYPE no"), "f", "lib") == "WRONGTYPE no (function 'f')"
    assert "python-function-memory-max" in error_text(MemoryError(), "f", "lib")
