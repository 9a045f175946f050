"""Cutting a link's bytes into frames, however they arrive; refusing what is none before keeping it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.node.core import bus_codec as bus
from garrison.node.core.bus_codec import Frame, encode
from garrison.node.core.bus_fields import BadFrameError
from garrison.node.core.bus_stream import FrameSplitter


def some_frames() -> list[bytes]:
    frame = Frame(bus.PING, "a" * 40)
    update = Frame(bus.UPDATE, "b" * 40, update_id="c" * 40)
    publish = Frame(bus.PUBLISH, "c" * 40, channel=b"news", message=b"x" * 5000)
    return [encode(frame), encode(update), encode(publish), encode(frame)]


@given(st.lists(st.integers(1, 4000), max_size=30))
def test_any_cutting_gives_the_same_frames(sizes: list[int]) -> None:
    stream = b"".join(some_frames())
    splitter, found = FrameSplitter(), []
    for size in [*sizes, len(stream)]:
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == some_frames()
    assert splitter.held_bytes == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "signature"),
        (b"RCmX", "signature"),
        (b"X", "signature"),
        (b"RCmb" + (1 << 31).to_bytes(4, "big"), "too-long"),
        (b"RCmb" + ((1 << 20) + 1).to_bytes(4, "big"), "too-long"),
        (b"RCmb" + (100).to_bytes(4, "big"), "length"),
        (b"RCmb" + (2256).to_bytes(4, "big") + b"\0\7", "version"),
    ],
)
def test_a_bad_beginning_is_refused_at_once(data: bytes, reason: str) -> None:
    splitter = FrameSplitter()
    with pytest.raises(BadFrameError) as error:
        splitter.feed(data)
    assert error.value.reason == reason


def feed_byte_by_byte(data: bytes) -> None:
    splitter = FrameSplitter()
    for at in range(len(data)):
        splitter.feed(data[at : at + 1])


@pytest.mark.parametrize("data", [b"RCmb" + (1 << 31).to_bytes(4, "big"), b"GET /", b"RCmb" + bytes(4)])
def test_bad_frame_header_is_refused_in_any_chunking(data: bytes) -> None:
    with pytest.raises(BadFrameError):
        feed_byte_by_byte(data)
    splitter = FrameSplitter()
    with pytest.raises(BadFrameError):
        splitter.feed(some_frames()[0] + data)


def test_a_stranger_costs_no_more_than_the_limit() -> None:
    splitter = FrameSplitter(4096)
    splitter.feed(b"RCmb" + (4096).to_bytes(4, "big") + b"\0\1" + bytes(4000))
    assert splitter.held_bytes <= 4096
    with pytest.raises(BadFrameError, match="cluster_bus_frame_bytes_max is 4096"):
        splitter.feed(bytes(86) + b"RCmb" + (4097).to_bytes(4, "big"))
