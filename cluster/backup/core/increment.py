"""An increment on its way out of a backup: up to a point in time, and without what concerns replicas alone.

An increment is a part of an append-only file: commands, and between them lines that begin with ``#``.
``#TS:<seconds>`` says that what follows came from the node at that Unix time, so it was carried out then or a
moment earlier.
"""

from garrison.cluster.backup.core.stream_cutter import damaged, next_command

TIMESTAMP = b"#TS:"
LINE_BYTES_MAX = 1024


class IncrementReader:
    """Takes the bytes of an increment and gives those that a node should load.

    Nothing that came after ``until_s`` comes out. ``for_single_node`` leaves out what a primary tells its
    replicas about itself and the cluster, which a node that is in no cluster does not understand.
    """

    def __init__(self, until_s: float | None = None, *, for_single_node: bool = False) -> None:
        self.is_over = False
        """Whether what follows came too late."""
        self.offset = 0
        """In the file, behind the last item that was looked at."""
        self._until_s = until_s
        self._for_single_node = for_single_node
        self._data = bytearray()

    def take(self, chunk: bytes) -> bytes:
        """What is to be loaded of the next bytes. Raises ManagerError if they are damaged."""
        self._data += chunk
        at = 0
        kept: list[bytes] = []
        while not self.is_over:
            found = self._item(at)
            if found is None:
                break
            end, is_wanted = found
            if is_wanted:
                kept.append(bytes(self._data[at:end]))
            at = end
        del self._data[:at]
        self.offset += at
        return b"".join(kept)

    def finish(self) -> None:
        """The end of the file. Raises ManagerError if it is within a command."""
        if self._data and not self.is_over:
            raise damaged(self.offset)

    def _item(self, at: int) -> tuple[int, bool] | None:
        """Where the next item ends, and whether it is wanted; None if it is not whole or too late."""
        if self._data[at : at + 1] != b"#":
            found = next_command(self._data, at, self.offset)
            return None if found is None else (found[0], self._is_wanted(*found[1:]))
        end = self._data.find(b"\n", at, at + LINE_BYTES_MAX)
        if end < 0:
            if len(self._data) - at > LINE_BYTES_MAX:
                raise damaged(self.offset + at)
            return None
        line = bytes(self._data[at:end]).strip()
        if line.startswith(TIMESTAMP) and self._until_s is not None:
            digits = line.removeprefix(TIMESTAMP)
            if not digits.isdigit():
                raise damaged(self.offset + at)
            if int(digits) > self._until_s:
                self.is_over = True
                return None
        return end + 1, True

    def _is_wanted(self, name: bytes, argument: bytes) -> bool:
        is_of_replicas = name in (b"ping", b"replconf") or (name, argument.lower()) == (b"cluster", b"ghost")
        return not (self._for_single_node and is_of_replicas)
