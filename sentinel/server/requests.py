"""Cut what a client sends into requests: arrays of bulk strings, or words on a line.

INVARIANTS. Nothing is set aside for what a length promises, only for bytes that have come. A request that is
not finished never holds more than `request_bytes_max`; before a client has logged in, much less.
"""

from __future__ import annotations

from garrison.base.config_text import split_words

INLINE_BYTES_MAX = 64 << 10
BULK_BYTES_MAX = 512 << 20
"""What the protocol allows; `request_bytes_max` bites first."""
WORDS_MAX = 2**31 - 1
UNAUTHENTICATED_WORDS_MAX = 10
UNAUTHENTICATED_BULK_BYTES_MAX = 16 << 10


class ProtocolError(Exception):
    """Bytes that are not a request; the text is Redis's. The connection is closed."""


class RequestParser:
    """Feed bytes, take requests."""

    def __init__(self, request_bytes_max: int) -> None:
        self.request_bytes_max = request_bytes_max
        self._buffer = bytearray()
        self._at = 0
        self._words: list[bytes] = []
        self._missing = 0
        """Words of the present array that have not come yet."""
        self._length = -1
        """Bytes of the present word, or -1 before its length has come."""
        self._taken_bytes = 0

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def held_bytes(self) -> int:
        return len(self._buffer) - self._at + self._taken_bytes

    def take(self, *, authenticated: bool = True) -> list[bytes] | None:
        """The next request with at least one word, or None until more bytes have come.

        Raises ProtocolError.
        """
        while True:
            words = self._step(authenticated)
            if words is None:
                self._compact()
                if self.held_bytes > self.request_bytes_max:
                    raise ProtocolError("too big request: see client-query-buffer-limit")
                return None
            self._taken_bytes = 0
            if words:
                return words

    def _step(self, authenticated: bool) -> list[bytes] | None:
        """One request, which may be empty; or None."""
        if not self._missing:
            if self._at >= len(self._buffer):
                return None
            if self._buffer[self._at] != ord("*"):
                return self._inline()
            count = self._number("invalid multibulk length", "too big mbulk count string")
            if count is None:
                return None
            if count > WORDS_MAX:
                raise ProtocolError("invalid multibulk length")
            if count > UNAUTHENTICATED_WORDS_MAX and not authenticated:
                raise ProtocolError("unauthenticated multibulk length")
            if count <= 0:
                return []
            self._missing, self._words = count, []
        return self._rest_of_array(authenticated)

    def _rest_of_array(self, authenticated: bool) -> list[bytes] | None:
        while self._missing:
            if self._length < 0 and not self._bulk_length(authenticated):
                return None
            end = self._at + self._length
            if len(self._buffer) < end + 2:
                return None
            self._words.append(bytes(self._buffer[self._at : end]))
            self._taken_bytes += self._length + 2
            self._at, self._length = end + 2, -1
            self._missing -= 1
        words, self._words = self._words, []
        return words

    def _bulk_length(self, authenticated: bool) -> bool:
        """Read the line before a word; whether it has come."""
        if self._at >= len(self._buffer):
            return False
        if self._buffer[self._at] != ord("$"):
            found = chr(self._buffer[self._at])
            raise ProtocolError(f"expected '$', got '{found}'")
        length = self._number("invalid bulk length", "too big bulk count string")
        if length is None:
            return False
        if not 0 <= length <= BULK_BYTES_MAX:
            raise ProtocolError("invalid bulk length")
        if length > UNAUTHENTICATED_BULK_BYTES_MAX and not authenticated:
            raise ProtocolError("unauthenticated bulk length")
        self._length = length
        return True

    def _number(self, invalid: str, endless: str) -> int | None:
        """The number of a line such as `*3`; None until the line is whole."""
        end = self._buffer.find(b"\r", self._at)
        if end < 0 or end + 1 >= len(self._buffer):
            if len(self._buffer) - self._at > INLINE_BYTES_MAX:
                raise ProtocolError(endless)
            return None
        text = bytes(self._buffer[self._at + 1 : end])
        self._at = end + 2
        digits = text.removeprefix(b"-")
        if not digits.isdigit() or len(digits) > 19:
            raise ProtocolError(invalid)
        return int(text)

    def _inline(self) -> list[bytes] | None:
        end = self._buffer.find(b"\n", self._at)
        if end < 0:
            if len(self._buffer) - self._at > INLINE_BYTES_MAX:
                raise ProtocolError("too big inline request")
            return None
        line = bytes(self._buffer[self._at : end])
        self._at = end + 1
        if len(line) > INLINE_BYTES_MAX:
            raise ProtocolError("too big inline request")
        try:
            words = split_words(line.decode("utf-8", "surrogateescape"))
        except ValueError:
            raise ProtocolError("unbalanced quotes in request") from None
        return [word.encode("utf-8", "surrogateescape") for word in words]

    def _compact(self) -> None:
        del self._buffer[: self._at]
        self._at = 0
