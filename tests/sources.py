"""Python sources as trees, for tests that read them."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def parsed(path: Path) -> ast.Module:
    """The tree of a source file; shared, so not to be changed.

    Nothing is collected meanwhile: a finalizer that reports an exception parses source too (its traceback
    marks a part of the line), and CPython before 3.11.9 takes parsing within parsing for a fault of its own
    (SystemError, python/cpython#106905).
    """
    source = path.read_text()
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source, str(path))
    finally:
        if collecting:
            gc.enable()
