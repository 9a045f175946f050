"""What the prompt must remember of a connection: database, MULTI, protocol, and where it leads.

Fed with each command and its reply; :meth:`Conversation.prompt` shows it as redis-cli does.

>>> talk = Conversation("127.0.0.1:7000")
>>> talk.heard([b"multi"], Status(b"OK"))
>>> talk.heard([b"select", b"3"], Status(b"QUEUED"))
>>> talk.prompt()
'127.0.0.1:7000(TX)> '
>>> talk.heard([b"exec"], [Status(b"OK")])
>>> talk.prompt()
'127.0.0.1:7000[3]> '
"""

from __future__ import annotations

from typing import Any

from garrison.cli.core.replies import Status
from garrison.client.errors import ReplyError

__all__ = ["LISTENING", "NOT_CONNECTED", "Conversation", "name_of"]

NOT_CONNECTED = "not connected> "
LISTENING = frozenset(("MONITOR", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"))
"""Commands after which messages come until the user has enough."""


def name_of(words: list[bytes]) -> str:
    """The first word of a command, in capitals."""
    return words[0].decode("utf-8", "replace").upper() if words else ""


class Conversation:
    """The state of one connection, as far as the commands sent over it show."""

    def __init__(self, peer: str, database: int = 0, protocol: int = 2) -> None:
        self.peer = peer
        self.database = database
        self.protocol = protocol
        self.login: list[bytes] = []
        """The arguments of AUTH that were accepted last; empty if there were none."""
        self.in_multi = False
        self._selected_in_multi: int | None = None

    def prompt(self) -> str:
        """What stands before the cursor."""
        database = f"[{self.database}]" if self.database else ""
        return f"{self.peer}{database}{'(TX)' if self.in_multi else ''}> "

    def begin(self, peer: str) -> None:
        """A new connection: a transaction is gone; login, protocol and database are to be asked for anew."""
        self.peer = peer
        self._end_multi()

    def heard(self, words: list[bytes], reply: Any) -> None:
        """Take note of a command and its reply."""
        name = name_of(words)
        if isinstance(reply, ReplyError):
            if name in ("EXEC", "DISCARD") and reply.code == "EXECABORT":
                self._end_multi()
            return
        if name == "MULTI":
            self.in_multi = True
        elif name in ("EXEC", "DISCARD"):
            if name == "EXEC" and reply is not None and self._selected_in_multi is not None:
                self.database = self._selected_in_multi
            self._end_multi()
        elif name == "SELECT" and len(words) > 1 and words[1].isdigit():
            if reply == Status(b"QUEUED"):
                self._selected_in_multi = int(words[1])
            else:
                self.database = int(words[1])
        elif name == "HELLO" and len(words) > 1 and words[1] in (b"2", b"3"):
            self.protocol = int(words[1])
            if len(words) >= 5 and words[2].upper() == b"AUTH":
                self.login = words[3:5]
        elif name == "AUTH":
            self.login = words[1:]
        elif name == "RESET":
            self._end_multi()
            self.database = 0
            self.protocol = 2
            self.login = []

    def _end_multi(self) -> None:
        self.in_multi = False
        self._selected_in_multi = None
