"""What the replies of a Sentinel, and of whoever is at an address, mean."""

from __future__ import annotations

from garrison.client.errors import ReplyError
from garrison.node.core.sentinel_hold import Answer, Who
from garrison.node.shell.sentinels import read_answer, read_identity

RUN_ID = "0123456789abcdef0123456789abcdef01234567"
FIELDS = [b"name", b"mymaster", b"flags", b"master,s_down", b"config-epoch", b"7"]


def test_an_answer_names_primary_epoch_and_doubts() -> None:
    answer = Answer(("10.0.0.1", 6379), 7, frozenset({"master", "s_down"}))
    assert read_answer([b"10.0.0.1", b"6379"], FIELDS) == answer
    as_map = dict(zip(FIELDS[::2], FIELDS[1::2], strict=True))
    assert read_answer([b"10.0.0.1", b"6379"], as_map) == answer


def test_no_name_is_an_answer_and_nonsense_is_none() -> None:
    assert read_answer(None, ReplyError("ERR No such master with that name")) == Answer(knows_name=False)
    assert read_answer(ReplyError("NOAUTH Authentication required."), None).error.startswith("NOAUTH")
    for address in (b"x", [b"a"], [b"a", b"b"], 7):
        assert read_answer(address, FIELDS).error == "its answer is not an address"
    broken = [b"flags", b"master", b"config-epoch", b"many"]
    assert read_answer([b"a", b"1"], broken).error == "its answer is not an address"


def test_an_address_is_known_by_the_run_id() -> None:
    info = f"# Server\r\nredis_version:7.2.0\r\nrun_id:{RUN_ID}\r\n".encode()
    assert read_identity(info, RUN_ID) is Who.MYSELF
    assert read_identity(info, "f" * 40) is Who.OTHER
    assert read_identity(info, RUN_ID[:-1]) is Who.OTHER
    assert read_identity(ReplyError("NOAUTH Authentication required."), RUN_ID) is Who.OTHER
    assert read_identity(ReplyError("ERR max number of clients reached"), RUN_ID) is Who.NOBODY
