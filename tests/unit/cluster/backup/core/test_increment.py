"""An increment comes out up to a point in time, whole."""

from __future__ import annotations

import pytest

from garrison.cluster.backup.core.increment import IncrementReader
from garrison.cluster.errors import ManagerError

SET = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n#TS:9\r\n"
PING = b"*1\r\n$4\r\nPING\r\n"
GHOST = b"*4\r\n$7\r\nCLUSTER\r\n$5\r\nGHOST\r\n$3\r\nadd\r\n$1\r\nk\r\n"
INCREMENT = b"#GARRISON x 1 0\r\n#TS:5\r\n" + SET + b"#TS:8\r\n" + SET + PING + GHOST


def test_all_comes_out_without_a_point_in_time() -> None:
    reader = IncrementReader()
    assert b"".join(reader.take(INCREMENT[at : at + 1]) for at in range(len(INCREMENT))) == INCREMENT
    reader.finish()
    assert not reader.is_over


@pytest.mark.parametrize(("until", "sets"), [(4, 0), (5, 1), (7.9, 1), (8, 2)])
def test_later_commands_stay_out(until: float, sets: int) -> None:
    reader = IncrementReader(until)
    assert reader.take(INCREMENT).count(SET) == sets
    assert reader.is_over == (sets < 2)
    reader.finish()


def test_words_among_replicas_are_left_out_for_a_node_alone() -> None:
    out = IncrementReader(for_single_node=True).take(INCREMENT)
    assert out == INCREMENT.removesuffix(PING + GHOST)


@pytest.mark.parametrize("data", [b"GET k\r\n", b"#" * 2000, b"#TS:x\r\n"])
def test_damage_is_refused(data: bytes) -> None:
    with pytest.raises(ManagerError, match="at offset 0 is no command"):
        IncrementReader(5).take(data)


def test_end_within_a_command_is_refused() -> None:
    reader = IncrementReader()
    reader.take(SET + SET[:9])
    with pytest.raises(ManagerError, match=f"at offset {len(SET)} is no command"):
        reader.finish()
