"""CONFIG GET, SET and REWRITE; the engine answers RESETSTAT and HELP, and checks the number of words.

SET takes several directives and changes all or none: every value is checked first, then they are applied
together. What can fail only when it is tried (a folder, a port, the append-only file) is tried before
anything is changed. So a SET may take a while, and one that comes in the meantime waits for it. The texts of
refusals are Redis's, since tools read them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from garrison.base import disk
from garrison.base.config_text import ConfigError, read_text
from garrison.base.glob import is_pattern, matches
from garrison.base.reply import OK, Error
from garrison.node.config import Config
from garrison.node.config_rewrite import rewrite
from garrison.node.directives import DIRECTIVES, Directive, Use, find

Reply = object

AT_START_ONLY = {"port", "bind", "unixsocket", "unixsocketperm", "tcp-backlog"}
"""Directives that Redis changes while it runs and we do not yet: the listening sockets stay as they are."""


ALWAYS_APPLIED = {"sentinel-peers"}
"""Directives whose present value has an effect when set again: it forgets what was learned beside it."""


class NotAppliedError(Exception):
    """Why a change was not applied, and the directive because of which it was not."""

    def __init__(self, directive: str, why: str) -> None:
        super().__init__(why)
        self.directive = directive


class Applier(Protocol):
    """Carries out a checked change."""

    def apply(self, changes: dict[str, str], done: Callable[[NotAppliedError | None], None]) -> None:
        """Apply all or nothing, then call `done`."""


class ConfigCommands:
    """Answers CONFIG for one node; `answer` calls `done` at once or, for SET, when the change is applied."""

    def __init__(self, config: Config, applier: Applier) -> None:
        self._config = config
        self._applier = applier
        self._is_applying = self._is_taking = False
        self._waiting: deque[Callable[[], None]] = deque()
        """Sets that came while one was being applied; at most one a client, as each waits for its reply."""

    def answer(self, argv: list[bytes], is_local: bool, done: Callable[[Reply], None]) -> None:
        """Carry out a command whose name and number of words the engine has checked."""
        words = [word.decode("utf-8", "surrogateescape") for word in argv]
        subcommand = words[1].lower()
        if subcommand == "set":
            self._waiting.append(lambda: self._set(words[2:], is_local, done))
            self._take_next()
        elif subcommand == "get":
            done(self._get(words[2:]))
        elif subcommand == "rewrite":
            done(self.rewrite())
        else:
            raise ValueError(f"CONFIG {subcommand} is the engine's to answer")

    def _get(self, patterns: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for pattern in patterns:
            if not is_pattern(pattern):
                row = find(pattern)
                if row is not None and not row.file_only:
                    found.setdefault(pattern, self._config.text(row.name))
                continue
            for row in DIRECTIVES.values():
                for name in (row.name, row.alias):
                    if name and not row.hidden and not row.file_only and matches(pattern, name):
                        found.setdefault(name, self._config.text(row.name))
        return found

    def _take_next(self) -> None:
        """Carry out the next SET that waits, and those behind it that end at once."""
        if self._is_taking:
            return
        self._is_taking = True
        while self._waiting and not self._is_applying:
            self._waiting.popleft()()
        self._is_taking = False

    def _set(self, words: list[str], is_local: bool, done: Callable[[Reply], None]) -> None:
        if len(words) % 2:
            done(Error("ERR syntax error"))
            return
        changes: dict[str, str] = {}
        spelt: dict[str, str] = {}
        asked: set[str] = set()
        for name, text in zip(words[::2], words[1::2], strict=True):
            row = find(name)
            if row is None or row.file_only:
                done(Error(f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
                return
            refusal = self._barred(row, is_local) or ("duplicate parameter" if name.lower() in asked else "")
            asked.add(name.lower())
            spelt[row.name] = name
            if not refusal:
                changes[row.name], refusal = self._checked(row, text)
            if refusal:
                done(_failed(name, refusal))
                return
        self._apply(changes, spelt, done)

    def _barred(self, row: Directive, is_local: bool) -> str:
        if row.immutable:
            return "can't set immutable config"
        if row.protected:
            permitted = self._config.text("enable-protected-configs")
            if permitted == "no" or (permitted == "local" and not is_local):
                return "can't set protected config"
        return ""

    def _checked(self, row: Directive, text: str) -> tuple[str, str]:
        """The canonical value and why it is refused, one of them empty."""
        current = self._config.text(row.name)
        try:
            value = (
                row.value_type.canonical_words(text.split(), current)
                if _adds_up(row)
                else row.value_type.canonical(text)
            )
            if not row.value_type.takes_any_bytes:
                value.encode()
        except UnicodeEncodeError:
            return "", "argument must be UTF-8"
        except ValueError as error:
            return "", str(error)
        if value != current and row.name in AT_START_ONLY:
            return (
                "",
                f"{row.name} can only be set at the start of a Garrison node: restart it with the new value",
            )
        if value != row.default and row.use is Use.REFUSED:
            return "", f"{row.name} is not built yet, and this node without it is less safe than you ask for"
        return value, ""

    def _apply(self, changes: dict[str, str], spelt: dict[str, str], done: Callable[[Reply], None]) -> None:
        """Apply checked values; `spelt` has the directives' names as the client wrote them."""
        effective = {
            name: value
            for name, value in changes.items()
            if value != self._config.text(name) or name in ALWAYS_APPLIED
        }
        if not effective:
            done(OK)
            return

        def applied(error: NotAppliedError | None) -> None:
            self._is_applying = False
            if error is None:
                self._config.values.update(effective)
                done(OK)
            else:
                done(_failed(spelt[error.directive], str(error)))
            self._take_next()

        self._is_applying = True
        self._applier.apply(effective, applied)

    def rewrite(self, *, whole: bool = False) -> Reply:
        """Write the configuration into its file; `whole`: with every directive, defaults too."""
        path = self._config.file
        if not path:
            return Error("ERR The server is running without a config file")
        try:
            disk.replace(path, rewrite(read_text(path), self._config.values, whole=whole))
        except ConfigError as error:
            return Error(f"ERR Rewriting config file: {error}")
        except OSError as error:
            return Error(f"ERR Rewriting config file: {error.strerror}")
        return OK


def _adds_up(row: Directive) -> bool:
    """Whether a value names parts and leaves the others as they are."""
    return row.name == "client-output-buffer-limit"


def _failed(name: str, why: str) -> Error:
    return Error(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {why}")
