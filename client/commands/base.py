"""What the typed methods need from whoever carries them out.

The same methods serve the client, where a call is carried out when it is awaited, and a pipeline,
where it is queued. So a method here is not ``async``: it hands its command to :meth:`_keyed`,
:meth:`_routed`, :meth:`_split` or :meth:`_waiting` and returns what that returns: in a client a coroutine,
in a pipeline a :class:`~garrison.client.queued.Queued`, which is one too. ``T`` is ``bytes``, or ``str``
when the client decodes.

How methods are written, so that a user of redis-py finds them: names and the order of arguments are
redis-py's, and so are the names of options. What a reply means is the same for RESP2 and RESP3, and an
``OK`` is True.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from garrison.client.core.commands import Command
from garrison.client.core.fanout import Part
from garrison.client.core.resp import Arg

__all__ = ["CommandSet", "Convert", "Merge", "Reply", "T"]

T = TypeVar("T", bound=bytes | str)
R = TypeVar("R")

Reply: TypeAlias = Coroutine[Any, Any, R]
"""What a typed method returns: await it for the reply."""
Convert = Callable[[Any], Any]
Merge = Callable[[Sequence[Part], Sequence[Any]], Any]


class CommandSet(Generic[T]):
    """The base of all groups of typed methods."""

    def _keyed(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Reply[Any]:
        """Carry out a command whose first argument is its key."""
        raise NotImplementedError

    def _routed(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Reply[Any]:
        """Carry out a command whose keys are where its row says, or that has none."""
        raise NotImplementedError

    def _waiting(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Reply[Any]:
        """Carry out a command that may wait on the server; a pipeline refuses."""
        raise NotImplementedError

    def _split(self, command: Command, args: Sequence[Arg], step: int, merge: Merge) -> Reply[Any]:
        """Carry out a command that may be split by slot, its arguments in groups of ``step``."""
        raise NotImplementedError
