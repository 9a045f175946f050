"""What every command of `garrison` does alike: it answers `-h`, and ends with one line, not a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

HELP_OPTIONS = {"help_option_names": ["--help", "-h"]}
"""Context settings of each typer application."""
EXIT_FAILED = 1
EXIT_STOPPED = 130
"""As a shell reports a program that Ctrl-C has ended."""
EXIT_PIPE_CLOSED = 141
"""As a shell reports a program whose reader has gone (`garrison --help | head -1`)."""
OUTPUT_AFTER_CLOSED_PIPE = "PacifyFlushWrapper"
"""What typer makes of standard output when its reader has gone; it leaves with 1 then, as after a failure."""


def run_app(app: Callable[..., Any], name: str, arguments: Sequence[str] | None) -> int:
    """Run a typer application on these words, or on those of the process; the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(words, prog_name=name)
    except SystemExit as leave:
        if type(sys.stdout).__name__.endswith(OUTPUT_AFTER_CLOSED_PIPE):
            return EXIT_PIPE_CLOSED
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    return 0


def run_guarded(command: Callable[[], int], name: str) -> int:
    """Run a command; Ctrl-C, a reader that is gone, and too few descriptors or bytes end it with one line."""
    _open_closed_output()
    try:
        code = command()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return EXIT_STOPPED
    except BrokenPipeError:
        _drop_output()
        return EXIT_PIPE_CLOSED
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _drop_output()
            print(f"{name}: cannot write: {error.strerror}; free some, then try again", file=sys.stderr)
            return EXIT_FAILED
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        print(f"{name}: {too_few_descriptors(error)}", file=sys.stderr)
        return EXIT_FAILED


def too_few_descriptors(error: OSError) -> str:
    """What to do about a process, or a machine, that may open no more files."""
    if error.errno == errno.ENFILE:
        return "this machine has no file descriptor left"
    return "this process may open too few files: run 'ulimit -n 1024' in this shell, then try again"


def _open_closed_output() -> None:
    """Lead what was closed (`>&-`) nowhere: Python has no stream for it, a socket would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  it stays open


def _drop_output() -> None:
    """Lead standard output nowhere, so that what is still buffered cannot fail at the interpreter's end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
