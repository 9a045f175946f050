"""The part of DEBUG that the control plane answers."""

from __future__ import annotations

from pathlib import Path

from garrison.base.reply import OK, Error
from garrison.node.config import load
from garrison.node.shell.config_commands import ConfigCommands
from garrison.node.shell.debug_commands import NO_CLUSTER, DebugCommands
from tests.unit.node.shell.test_config_commands import Recorder


class Bus:
    """Knows one node, `id`."""

    def __init__(self) -> None:
        self.ignored = -1
        self.killed: list[tuple[bool, bool]] = []

    def ignore_packets(self, kind: int) -> None:
        self.ignored = kind

    def kill_links(self, node_id: str, *, to: bool, coming: bool) -> bool:
        self.killed.append((to, coming))
        return node_id == "id"


def ask(line: str, bus: Bus | None, *arguments: str) -> object:
    commands = DebugCommands(ConfigCommands(load(list(arguments)), Recorder()), bus)
    return commands.answer([b"DEBUG", *line.encode().split()])


def test_outside_a_cluster_there_are_no_links() -> None:
    assert ask("DROP-CLUSTER-PACKET-FILTER 1", None) == OK
    assert ask("CLUSTERLINK KILL all id", None) == NO_CLUSTER


def test_packets_of_a_type_are_ignored() -> None:
    bus = Bus()
    assert ask("drop-cluster-packet-filter 5", bus) == OK
    assert bus.ignored == 5
    assert "not an integer" in str(ask("DROP-CLUSTER-PACKET-FILTER x", bus))


def test_links_are_killed_by_direction() -> None:
    bus = Bus()
    for word in ("to", "FROM", "all"):
        assert ask(f"CLUSTERLINK kill {word} id", bus) == OK
    assert bus.killed == [(True, False), (False, True), (True, True)]
    assert ask("CLUSTERLINK KILL all x", bus) == Error("ERR Unknown node x")
    assert ask("CLUSTERLINK KILL up id", bus) == Error("ERR Unknown direction up")
    assert isinstance(ask("CLUSTERLINK OPEN all id", bus), Error)


def test_whole_configuration_is_written(tmp_path: Path) -> None:
    path = tmp_path / "node.conf"
    path.write_text("hz 20\n")
    assert ask("CONFIG-REWRITE-FORCE-ALL", None, str(path)) == OK
    assert path.read_text().startswith("hz 20\n")
    assert "\nmaxclients 10000\n" in path.read_text()
    assert isinstance(ask("CONFIG-REWRITE-FORCE-ALL", None), Error)
