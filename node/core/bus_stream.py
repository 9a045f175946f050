"""Cut the bytes of a bus link into whole frames.

A stranger may connect to the bus port, so the first eight bytes are judged before anything is
kept: a wrong signature, a length below the header or above the limit ends the link. At most one
frame plus one read is ever held.
"""

from __future__ import annotations

from garrison.node.core.bus_codec import HEADER_BYTES, SIGNATURE, VERSION
from garrison.node.core.bus_fields import BadFrameError


class FrameSplitter:
    """Feed bytes, get frames. After BadFrameError the link must be dropped: there is no way to resume."""

    __slots__ = ("_buffer", "_frame_bytes_max")

    def __init__(self, frame_bytes_max: int = 1 << 20) -> None:
        self._buffer = bytearray()
        self._frame_bytes_max = frame_bytes_max

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, whole and undecoded. Raises BadFrameError.

        When a bad prefix follows good frames in one read, the good ones are lost with the link;
        every frame of the bus is idempotent or repeated, so nothing depends on them.
        """
        buffer = self._buffer
        if not buffer and self._is_whole(data):
            return [bytes(data)]
        self._judge(bytes((buffer[:10] + data[:10])[:10]))
        buffer += data
        frames = []
        at = 0
        while len(buffer) - at >= 8:
            length = self._judge(bytes(buffer[at : at + 10]))
            if len(buffer) - at < length:
                break
            frames.append(bytes(buffer[at : at + length]))
            at += length
        if at < len(buffer):
            self._judge(bytes(buffer[at : at + 10]))
        del buffer[:at]
        return frames

    def _is_whole(self, data: bytes) -> bool:
        return len(data) >= HEADER_BYTES and self._judge(data[:10]) == len(data)

    def _judge(self, prefix: bytes) -> int:
        """The length that the prefix of a frame claims; 0 while the prefix is incomplete."""
        if not SIGNATURE.startswith(prefix[:4]):
            raise BadFrameError("signature", f"{prefix[:4]!r} instead of {SIGNATURE!r}")
        if len(prefix) < 8:
            return 0
        length = int.from_bytes(prefix[4:8], "big")
        if length > self._frame_bytes_max:
            raise BadFrameError(
                "too-long", f"{length} bytes, but cluster_bus_frame_bytes_max is {self._frame_bytes_max}"
            )
        if length < HEADER_BYTES:
            raise BadFrameError("length", f"{length} bytes are less than the header of {HEADER_BYTES}")
        if len(prefix) >= 10 and int.from_bytes(prefix[8:10], "big") != VERSION:
            raise BadFrameError(
                "version", f"bus version {int.from_bytes(prefix[8:10], 'big')}, this node speaks {VERSION}"
            )
        return length
