"""What the start of every server process has in common: folder, log, background, pidfile, event loop."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

import garrison
from garrison.base.config_text import ConfigError
from garrison.base.daemon import Readiness, go_to_background
from garrison.base.descriptors import FEWEST, files_max
from garrison.base.log import Log

EXIT_FAILED = 1


class StartError(Exception):
    """Why the process cannot start, in one sentence."""


class Config(Protocol):
    """What every server process is configured with."""

    values: dict[str, str]
    strange_variables: list[str]

    def text(self, name: str) -> str: ...

    def flag(self, name: str) -> bool: ...

    def without_effect(self) -> list[str]: ...


def folder_problem(folder: str) -> str:
    """Why `folder` (may be empty) cannot be the working folder, or an empty text."""
    if folder and not os.path.isdir(folder):
        what = "it is not a folder" if os.path.exists(folder) else "there is no such folder"
        return f"cannot enter the folder {folder} (dir): {what}"
    if folder and not os.access(folder, os.X_OK):
        return f"cannot enter the folder {folder} (dir): permission denied"
    return ""


def enter(folder: str) -> str:
    """Make `folder` (may be empty) the working folder; its absolute path. Raises StartError."""
    if folder:
        try:
            os.chdir(folder)
        except OSError as error:
            raise StartError(f"cannot enter the folder {folder} (dir): {error.strerror}") from None
    return os.getcwd()


def detach(logfile: str, supervised: str, *, daemonize: bool) -> Readiness:
    """Go to the background if asked to; return whom to notify when the process serves.

    Call it before there is a thread. Raises StartError.
    """
    problem = Log(logfile).check()
    if problem:
        raise StartError(problem)
    readiness = Readiness(supervised)
    if daemonize and readiness.supervisor == "no":
        go_to_background(readiness)
    return readiness


def run(config: Config, serve: Callable[[Log], int], role: str = "") -> int:
    """Open the log and serve until the process is shut down; the exit code.

    `role` is the letter of the log's lines, where it does not change. Why the process cannot start is logged,
    and printed too where the log is not what the user sees.
    """
    log = Log(config.text("logfile"), config.text("loglevel"))
    log.role = role or log.role
    if config.flag("syslog-enabled"):
        log.open_syslog(config.text("syslog-ident"), config.text("syslog-facility"))
    greet(log, config.without_effect(), config.strange_variables)
    try:
        demand_descriptors()
        return serve(log)
    except (StartError, OSError, ConfigError) as error:
        log.warning(f"Cannot start: {error}")
        if config.text("logfile") or config.flag("daemonize"):
            refuse(error)
        return EXIT_FAILED
    finally:
        remove_pidfile(config.text("pidfile"))


def demand_descriptors() -> None:
    """Raise StartError where this process may open too few files to serve anybody."""
    allowed = files_max()
    if allowed < FEWEST:
        raise StartError(f"this process may open {allowed} files, and needs {FEWEST}: raise 'ulimit -n'")


def refuse(error: Exception) -> int:
    """Print why the process cannot start; the exit code."""
    print(f"garrison: {error}", file=sys.stderr)
    return EXIT_FAILED


def greet(log: Log, ignored: Sequence[str], strange_variables: Sequence[str]) -> None:
    """The first lines of the log; `ignored` are the directives that were given and have no effect here.

    `strange_variables` are those of the environment that look like directives and are not.
    """
    log.warning("oO0OoO0OoO0Oo Garrison is starting oO0OoO0OoO0Oo")
    log.warning(f"Garrison version={garrison.__version__}, bits=64, pid={os.getpid()}, just started")
    log.warning("Configuration loaded")
    if ignored:
        log.warning(f"Accepted, but without effect here: {', '.join(ignored)}")
    for variable in strange_variables:
        log.warning(f"Environment variable {variable} names no directive, and is ignored")


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's event loop, or asyncio's where there is no uvloop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def write_pidfile(path: str) -> None:
    """Write our process id to `path`, unless that is empty. Raises StartError."""
    if path:
        try:
            with open(path, "w") as file:
                file.write(f"{os.getpid()}\n")
        except OSError as error:
            raise StartError(f"cannot write the pidfile {path}: {error.strerror}") from None


def remove_pidfile(path: str) -> None:
    """Take it away again, unless it is another process's."""
    try:
        with open(path) as file:
            is_ours = file.read().strip() == str(os.getpid())
        if is_ours:
            os.unlink(path)
    except (OSError, ValueError):
        pass
