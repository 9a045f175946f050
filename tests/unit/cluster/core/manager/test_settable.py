"""The directives that a manager may set are directives of a node that can be set."""

from garrison.base.value_types import ValueType
from garrison.cluster.core.manager.settable import SETTABLE
from garrison.node.directives import DIRECTIVES


def test_each_can_be_changed_while_a_node_runs() -> None:
    rows = [DIRECTIVES[name] for name in sorted(SETTABLE)]
    assert [row.name for row in rows if row.immutable or row.protected or row.file_only] == []


def test_each_takes_what_a_node_takes() -> None:
    differ = [name for name, kind in SETTABLE.items() if not _is_same(kind, DIRECTIVES[name].value_type)]
    assert differ == []


def _is_same(kind: ValueType, of_node: ValueType) -> bool:
    """The same type with the same bounds; any text here where only a node knows the type."""
    if type(kind) is ValueType:
        return type(of_node).__module__ == "garrison.node.directives.lists"
    return type(kind) is type(of_node) and vars(kind) == vars(of_node)


def test_no_secret_and_nothing_of_a_single_node() -> None:
    assert [name for name in sorted(SETTABLE) if DIRECTIVES[name].sensitive] == []
    own = {
        "port",
        "tls-port",
        "bind",
        "requirepass",
        "masterauth",
        "masteruser",
        "dir",
        "replicaof",
        "logfile",
    }
    assert own & SETTABLE.keys() == set()
    assert [
        name for name in SETTABLE if name.startswith(("cluster-announce", "replica-announce", "tls-"))
    ] == []
