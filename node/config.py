"""The configuration of a node: from environment, file and options to one table of values.

Priority rises from the environment (for containers) over the file to the options of the command line. Values
are kept as text in their canonical form (:mod:`garrison.base.value_types`); whoever needs a number asks
for one. A value that cannot be used stops the start with a :class:`ConfigError` that names its place.
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
from garrison.base.log import Log
from garrison.base.process import folder_problem
from garrison.node.directives import DIRECTIVES, Use, find
from garrison.node.directives.users import is_the_default_user

__all__ = ["Config", "ConfigError", "load"]

NO_VALUE = frozenset({"save"})
"""Directives that may stand alone on the command line, meaning an empty value."""

WITHOUT_MEANS = {"save": ""}
"""Values that ask for nothing beyond what a node without the feature does."""


class Config:
    """Values by directive. `file` is the absolute path of the configuration file, or empty.

    `strange_variables` are those of the environment that look like ours and name no directive.
    """

    def __init__(self) -> None:
        self.values = {name: row.default for name, row in DIRECTIVES.items()}
        self.file = ""
        self.strange_variables: list[str] = []
        self._set_here: set[str] = set()

    def text(self, name: str) -> str:
        return self.values[name]

    def integer(self, name: str) -> int:
        """The number of an integer or memory directive; octal permissions are read as such."""
        return int(self.values[name], 8 if name == "unixsocketperm" else 10)

    def flag(self, name: str) -> bool:
        return self.values[name] == "yes"

    def engine_settings(self) -> dict[str, str]:
        """The settings of the data plane: every directive, since it picks those it knows."""
        return {name: value for name, value in self.values.items() if not DIRECTIVES[name].file_only}

    def without_effect(self) -> list[str]:
        """Directives that are set to other than their default but have no effect in this version."""
        return [
            name
            for name, row in DIRECTIVES.items()
            if row.use is Use.NOTHING and self.values[name] not in (row.default, WITHOUT_MEANS.get(name))
        ]

    def begin_source(self) -> None:
        """A source of higher priority follows: its first `save` replaces what stood before."""
        self._set_here.clear()

    def apply(self, line: Line) -> None:
        """Take one line in. Raises ConfigError."""
        row = find(line.words[0])
        if row is None:
            raise ConfigError(f"{line.place}: {unknown(line.words[0], DIRECTIVES)}")
        current = self.values[row.name] if row.name in self._set_here else ""
        value = parsed(row, line, current, may_stand_alone=row.name in NO_VALUE)
        if row.name == "replicaof" and value.lower() == "no one":
            value = ""
        self._set_here.add(row.name)
        self.values[row.name] = value

    def check(self) -> None:
        """Refuse what would be less safe than it looks. Raises ConfigError."""
        for name, row in DIRECTIVES.items():
            if row.use is Use.REFUSED and self.values[name] != row.default:
                if name == "user" and is_the_default_user(self.values[name], self.values["requirepass"]):
                    continue
                shown = "(hidden)" if row.sensitive else row.value_type.lines(self.values[name])[0]
                raise ConfigError(
                    f"{name} {shown}: not built yet, and starting "
                    f"without it would be less safe than you asked for: remove it to start"
                )
        if self.flag("cluster-enabled") and self.values["replicaof"]:
            raise ConfigError(
                "replicaof: a node of a cluster follows a primary by CLUSTER REPLICATE: remove it"
            )
        self._check_ports()

    def _check_ports(self) -> None:
        port, bus = self.integer("port"), self.integer("cluster-port")
        if self.flag("cluster-enabled") and not bus and port > 55535:
            raise ConfigError(
                f"port {port}: the bus would be at {port + 10000}: stay below 55536 or set cluster-port"
            )
        if self.flag("cluster-enabled") and not bus and not port:
            raise ConfigError("port 0: a node of a cluster needs a port, or cluster-port for its bus")

    def check_paths(self) -> None:
        """Refuse a folder or log file that cannot be used. Raises ConfigError."""
        folder = self.text("dir")
        problem = folder_problem(folder) or Log.problem_of(self.text("logfile"), folder)
        if problem:
            raise ConfigError(problem)

    @property
    def bus_port(self) -> int:
        return self.integer("cluster-port") or self.integer("port") + 10000


def load(arguments: Sequence[str], environment: dict[str, str] | None = None) -> Config:
    """The configuration that a command line asks for. Raises ConfigError."""
    config = Config()
    rest = list(arguments)
    if environment:
        known = [name for name, row in DIRECTIVES.items() if not row.file_only]
        _apply_all(config, lines_of_environment(environment, known))
        config.strange_variables = strange_variables(environment, known)
    config.begin_source()
    if rest and rest[0] != "-" and not rest[0].startswith("--"):
        path = rest.pop(0)
        config.file = os.path.abspath(path)
        _apply_all(config, lines_of_file(path))
    if "-" in rest:
        rest.remove("-")
        _apply_all(config, lines_of_file("-"))
    _apply_all(config, lines_of_options(rest))
    config.check()
    return config


def _apply_all(config: Config, lines: Iterable[Line]) -> None:
    for line in lines:
        config.apply(line)
