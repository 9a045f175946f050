"""The configuration of a Sentinel: from environment, file and options to settings.

Priority rises from the environment (for containers) over the file to the options of the command line. The
file is more than a source: a Sentinel keeps its state in it, so there must be one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from garrison.base.config_text import (
    ConfigError,
    Line,
    lines_of_environment,
    lines_of_file,
    lines_of_options,
    strange_variables,
)
from garrison.base.directive_lines import parsed, unknown
from garrison.base.value_types import Use
from garrison.sentinel.config.directives import ROWS, WITHOUT_MEANING, find
from garrison.sentinel.config.lines import can_run, read_lines
from garrison.sentinel.core.settings import SentinelSettings

__all__ = ["Config", "ConfigError", "load"]


class Config:
    """Values by directive, and the lines about what is monitored. `file` is absolute."""

    def __init__(self) -> None:
        self.values = {name: row.default for name, row in ROWS.items()}
        self.file = self.given = ""
        self.sentinel_lines: list[Line] = []
        self.without_meaning: set[str] = set()
        self.strange_variables: list[str] = []
        self._set_here: set[str] = set()

    def text(self, name: str) -> str:
        return self.values[name]

    def integer(self, name: str) -> int:
        return int(self.values[name], 8 if name == "unixsocketperm" else 10)

    def flag(self, name: str) -> bool:
        return self.values[name] == "yes"

    def begin_source(self) -> None:
        """A source of higher priority follows."""
        self._set_here.clear()

    def without_effect(self) -> list[str]:
        """Directives that are set but have no effect."""
        unused = {
            name for name, row in ROWS.items() if row.use is Use.NOTHING and self.values[name] != row.default
        }
        return sorted(unused | self.without_meaning)

    def apply(self, line: Line) -> None:
        """Take one line in. Raises ConfigError."""
        name = line.words[0].lower()
        if name == "sentinel":
            self.sentinel_lines.append(line)
            return
        row = find(name)
        if row is None:
            if name not in WITHOUT_MEANING:
                raise ConfigError(f"{line.place}: {unknown(name, [*ROWS, *WITHOUT_MEANING, 'sentinel'])}")
            self.without_meaning.add(name)
            return
        current = self.values[row.name] if row.name in self._set_here else ""
        self.values[row.name] = parsed(row, line, current)
        self._set_here.add(row.name)

    def check(self) -> None:
        """Refuse what would be less safe than it looks. Raises ConfigError."""
        for name, row in ROWS.items():
            if row.use is Use.REFUSED and self.values[name] != row.default:
                raise ConfigError(
                    f"{name} {row.value_type.lines(self.values[name])[0]}: not built yet, and starting "
                    f"without it would be less safe than you asked for: remove it to start"
                )
        if self.text("user") and self.text("aclfile"):
            raise ConfigError("there are users in the configuration and an aclfile: keep one of the two")
        self.settings()

    def settings(self) -> SentinelSettings:
        """The settings of the core. Raises ConfigError."""
        source = self.text("bind-source-addr")
        folder = os.path.abspath(self.text("dir"))
        settings = SentinelSettings(
            port=self.integer("port"),
            bind=(source,) if source else (),
            requirepass=self.text("requirepass"),
            loglevel=self.text("loglevel"),
            can_run=lambda path: can_run(os.path.join(folder, path)),
        )
        read_lines(self.sentinel_lines, settings, folder)
        return settings


def load(arguments: Sequence[str], environment: dict[str, str] | None = None) -> Config:
    """The configuration that a command line asks for. Raises ConfigError."""
    config = Config()
    rest = list(arguments)
    if environment:
        known = [name for name, row in ROWS.items() if not row.file_only]
        _apply_all(config, lines_of_environment(environment, known))
        config.strange_variables = strange_variables(environment, known)
    config.begin_source()
    if rest and not rest[0].startswith("--"):
        path = rest.pop(0)
        config.file, config.given = os.path.abspath(path), path
        _apply_all(config, lines_of_file(path))
    _refuse_included_state(config)
    config.begin_source()
    _apply_all(config, _not_yet_in_file(config, lines_of_options(rest)))
    if not config.file:
        raise ConfigError(
            "a Sentinel keeps its state in its configuration file: name one (garrison sentinel FILE)"
        )
    config.check()
    return config


def _apply_all(config: Config, lines: Iterable[Line]) -> None:
    for line in lines:
        config.apply(line)


def _refuse_included_state(config: Config) -> None:
    """State is rewritten in the main file; a copy in another would contradict it at the next start."""
    for line in config.sentinel_lines:
        if line.source != config.given:
            raise ConfigError(
                f"{line.place}: sentinel lines belong in {config.file} itself: a Sentinel rewrites them there"
            )


def _not_yet_in_file(config: Config, lines: Iterable[Line]) -> Iterable[Line]:
    """Options without the `sentinel monitor` of a primary that the file knows already.

    A service is often started again with its first options; what the file says since a failover is younger.
    """
    known = {tuple(line.words[2:3]) for line in config.sentinel_lines if line.words[1:2] == ["monitor"]}
    for line in lines:
        words = [word.lower() for word in line.words[:2]]
        if words != ["sentinel", "monitor"] or tuple(line.words[2:3]) not in known:
            yield line
