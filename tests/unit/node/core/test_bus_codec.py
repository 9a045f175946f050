"""Frames to bytes and back; nothing that an outsider sends does more than end its link."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.node.core import bus_codec as bus
from garrison.node.core.bus_codec import Frame, Gossip, decode, encode
from garrison.node.core.bus_extensions import Extensions
from garrison.node.core.bus_fields import BadFrameError

IDS = st.text("0123456789abcdef", min_size=40, max_size=40)
ADDRESSES = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.just(""))
NAMES = st.text("abc.-_9", max_size=60)
PORTS = st.integers(0, 65535)
EPOCHS = st.integers(0, 2**64 - 1)
SECONDS = st.integers(0, 2**32 - 1)
GOSSIP = st.builds(Gossip, IDS, SECONDS, SECONDS, ADDRESSES, PORTS, PORTS, PORTS, PORTS)
FORGOTTEN = st.lists(st.tuples(IDS, EPOCHS), max_size=3)
EXTENSIONS = st.builds(Extensions, NAMES, st.none() | NAMES, st.none() | IDS, FORGOTTEN)


HEADER = {
    "port": PORTS,
    "bus_port": PORTS,
    "plain_port": PORTS,
    "current_epoch": EPOCHS,
    "config_epoch": EPOCHS,
    "offset": EPOCHS,
    "slots": st.binary(min_size=2048, max_size=2048),
    "primary_id": st.just("") | IDS,
    "ip": ADDRESSES,
    "flags": PORTS,
    "state_ok": st.booleans(),
    "message_flags": st.integers(0, 255),
}


def frames(kind: st.SearchStrategy[int], **fields: st.SearchStrategy[object]) -> st.SearchStrategy[Frame]:
    return st.builds(Frame, kind, IDS, **HEADER, **fields)


ANY = st.one_of(
    frames(st.integers(0, 2), gossip=st.lists(GOSSIP, max_size=8), extensions=st.none() | EXTENSIONS),
    frames(st.just(bus.FAIL), failing_id=IDS),
    frames(
        st.sampled_from([bus.PUBLISH, bus.PUBLISH_SHARD]),
        channel=st.binary(),
        message=st.binary(),
    ),
    frames(st.sampled_from([bus.AUTH_REQUEST, bus.AUTH_ACK, bus.MFSTART])),
    frames(
        st.just(bus.UPDATE),
        update_id=IDS,
        update_epoch=EPOCHS,
        update_slots=st.binary(min_size=2048, max_size=2048),
    ),
)


@given(ANY)
def test_a_frame_comes_back(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(ANY, st.data())
def test_damage_is_refused_or_read_but_never_crashes(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(encode(frame))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for damaged in (bytes(raw), bytes(raw[:cut])):
        with contextlib.suppress(BadFrameError):
            decode(damaged)


def test_the_layout_is_that_of_the_public_protocol() -> None:
    frame = Frame(
        bus.PING,
        "a" * 40,
        port=7000,
        bus_port=17000,
        current_epoch=3,
        config_epoch=2,
        offset=9,
        ip="10.0.0.1",
    )
    raw = encode(frame)
    assert len(raw) == 2256
    assert struct.unpack_from(">4sIHHHH", raw) == (b"RCmb", 2256, 1, 7000, 0, 0)
    assert struct.unpack_from(">QQQ", raw, 16) == (3, 2, 9)
    assert raw[40:80] == b"a" * 40
    assert raw[80 + 2048 + 40 :].startswith(b"10.0.0.1\0")
    assert struct.unpack_from(">HHHB", raw, 2246) == (0, 17000, 0, 0)


def test_unknown_extensions_are_skipped() -> None:
    frame = Frame(bus.PING, "a" * 40, extensions=Extensions("host.example.com"))
    raw = bytearray(encode(frame))
    raw += struct.pack(">IHH", 16, 4711, 0) + b"whatever"
    raw[4:8] = struct.pack(">I", len(raw))
    at = 80 + 2048 + 40 + 46
    raw[at : at + 2] = struct.pack(">H", 2)
    assert decode(bytes(raw)) == frame


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda raw: b"HTTP" + raw[4:], "signature"),
        (lambda raw: raw[:8] + b"\0\2" + raw[10:], "version"),
        (lambda raw: raw + b"x", "length"),
        (lambda raw: raw[:100], "length"),
        (lambda raw: raw[:40] + b"\n" + raw[41:], "node-id"),
        (lambda raw: raw[:2168] + b"1.2.3.4 x\n" + raw[2178:], "address"),
    ],
)
def test_what_is_refused_and_why(change: object, reason: str) -> None:
    assert callable(change)
    with pytest.raises(BadFrameError) as error:
        decode(change(encode(Frame(bus.PING, "a" * 40))))
    assert error.value.reason == reason
