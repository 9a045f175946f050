"""A replication stream as it comes, cut where a file may end, with the time of its parts.

BACKGROUND  The stream is commands, one behind the other, the same bytes as in an append-only file. A file of
            it must end behind a whole command that is not within a transaction, or a node would refuse it or
            lose half.
INVARIANTS  What comes out, without the lines that begin with ``#``, is the stream from its first offset to
            ``offset``, byte for byte. It never ends within a command or a transaction.
BEHAVIOUR   Bytes go in with the time at which they came; whole commands come out. A ``#TS:`` line stands
            before the first of a second, so that reading may stop at a point in time.
"""

from garrison.cluster.errors import ManagerError

COMMAND_BYTES_MAX = 1 << 30
"""A command that is longer is damage: no node would have taken it."""
WORDS_MAX = 1 << 24


class StreamCutter:
    """Takes a stream from ``offset`` on, in which ``database`` is selected."""

    def __init__(self, offset: int, database: int = 0) -> None:
        self.offset = offset
        """The stream's offset behind the last command that came out."""
        self.database = database
        self.stamped_s = 0
        self._data = bytearray()
        self._scanned = 0
        self._safe = 0
        self._in_transaction = False

    def take(self, chunk: bytes, now_s: int, until: int | None = None) -> bytes:
        """The next bytes for the file. With ``until`` nothing of what begins at that offset or later comes
        out.

        Raises ManagerError for a stream that cannot be read.
        """
        self._data += chunk
        self._safe = 0
        while until is None or self.offset + self._safe < until:
            if not self._step():
                break
        if not self._safe:
            return b""
        out = bytes(self._data[: self._safe])
        del self._data[: self._safe]
        self._scanned -= self._safe
        self.offset += self._safe
        if now_s > self.stamped_s:
            self.stamped_s = now_s
            return b"#TS:%d\r\n%b" % (now_s, out)
        return out

    def _step(self) -> bool:
        """Look at the next command; whether there is a whole one."""
        found = next_command(self._data, self._scanned, self.offset)
        if found is None:
            if len(self._data) - self._scanned > COMMAND_BYTES_MAX:
                raise damaged(self.offset + self._scanned)
            return False
        end, name, argument = found
        if name == b"select":
            try:
                self.database = int(argument)
            except ValueError:
                raise damaged(self.offset + self._scanned) from None
        elif name == b"multi":
            self._in_transaction = True
        elif name in (b"exec", b"discard"):
            self._in_transaction = False
        self._scanned = end
        if not self._in_transaction:
            self._safe = end
        return True


def damaged(offset: int) -> ManagerError:
    return ManagerError(f"at offset {offset} is no command: the stream is damaged; take or use a full backup")


def next_command(data: bytearray | bytes, start: int, base: int = 0) -> tuple[int, bytes, bytes] | None:
    """The end of the command that begins at ``start``, its name in small letters and its first argument.

    None if it is not whole. Raises ManagerError if it is not a command; the data begins at offset ``base``.
    """
    header = _header(data, start, b"*", WORDS_MAX, base)
    if header is None:
        return None
    count, at = header
    first: list[bytes] = []
    for place in range(count):
        header = _header(data, at, b"$", COMMAND_BYTES_MAX, base)
        if header is None:
            return None
        length, at = header
        at += length + 2
        if at > len(data):
            return None
        if place < 2:
            first.append(bytes(data[at - 2 - length : at - 2]))
    name, argument = (*first, b"", b"")[:2]
    return at, name.lower(), argument


def _header(data: bytearray | bytes, at: int, mark: bytes, largest: int, base: int) -> tuple[int, int] | None:
    """The number in the line at ``at``, and where the line ends; None if it is not whole."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return None
    digits = bytes(data[at + 1 : end])
    if data[at : at + 1] != mark or not digits.isdigit() or int(digits) > largest:
        raise damaged(base + at)
    return int(digits), end + 2
