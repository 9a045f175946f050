"""A library: its source, run once, and the functions that it registers."""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from garrison.functions.core.api import CommandError, Function, FunctionError, Registry

Importer = Callable[..., ModuleType]


def load(name: str, source: bytes, importer: Importer | None = None) -> dict[str, Function]:
    """Run a library; its functions by their names in lower case. Raises whatever its code raises."""
    module = ModuleType(name)
    module.__file__ = file_of(name)
    names = dict(vars(builtins))
    if importer is not None:
        names["__import__"] = importer
        names.pop("open", None)
        names.pop("input", None)
    vars(module)["__builtins__"] = names
    registry = Registry()
    Registry.current = registry
    try:
        exec(compile(source, file_of(name), "exec", dont_inherit=True), vars(module))
    finally:
        Registry.current = None
    return registry.functions


def file_of(name: str) -> str:
    """How tracebacks call the source of a library."""
    return f"<library {name}>"


def error_text(error: BaseException, function: str, library: str) -> str:
    """The error reply for what a function, or the loading of its library, has raised."""
    if isinstance(error, FunctionError):
        return _one_line(str(error)) or "ERR the function has failed"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if _is_of(frame, library)]
    place = f" on line {lines[-1]}" if lines else ""
    if isinstance(error, SyntaxError) and error.lineno:
        place = f" on line {error.lineno}"
    if isinstance(error, CommandError):
        return _one_line(f"{error} (function '{function}'{place})")
    what = _shown(error)
    hint = " (within python-function-memory-max)" if isinstance(error, MemoryError) else ""
    return _one_line(f"ERR Error running function '{function}'{place}: {what}{hint}")


def _is_of(frame: Any, library: str) -> bool:
    return bool(frame.filename == file_of(library))


def _shown(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())[:1000]
