"""What a function is given and what it may raise.

    Exception
     +-- FunctionError       raised by an author: its text is the error reply, code first ("NOFUNDS no money")
     +-- CommandError        a command of `Database.read` was answered with an error; its text is that reply
     +-- OrderError          the function reads behind its first write

A function reads first, then writes. Reads are answered at once and what they read is watched; writes are
collected, and applied as one transaction when the function has returned. So no half of a call is ever
applied, and other clients are served while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, overload

Argument: TypeAlias = bytes | str | int | float
Command: TypeAlias = Sequence[Argument]
Ask: TypeAlias = Callable[[Sequence[Command]], list[Any]]
"""Has commands carried out; gives their replies, errors as `CommandError` in their places."""

FLAGS = ("no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys")


class FunctionError(Exception):
    """The error reply that a function wants to give: a code in capitals, then a text."""


class CommandError(Exception):
    """A command was answered with an error."""


class OrderError(Exception):
    """A function reads behind its first write."""


class Pending:
    """The reply to a write that is not applied yet: a function may return it, alone or within its result."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def __bool__(self) -> bool:
        raise OrderError("the write is applied when the function has returned: its reply is not known yet")


class Database:
    """The data, as one call sees it."""

    __slots__ = ("_ask", "writes")

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.writes: list[Command] = []

    def read(self, *command: Argument) -> Any:
        """Carry out a command that does not write; its reply, as RESP3 gives it: bytes, int, dict ...

        Raises CommandError for an error reply, OrderError behind a write."""
        return self.read_many(command)[0]

    def read_many(self, *commands: Command) -> list[Any]:
        """Carry out several commands in one round trip, with nothing of other clients between them."""
        if self.writes:
            raise OrderError("a function reads before it writes: its writes are applied when it has returned")
        replies = self._ask(commands)
        for reply in replies:
            if isinstance(reply, CommandError):
                raise reply
        return replies

    def write(self, *command: Argument) -> Pending:
        """Have a command carried out when the function has returned, with all others in one transaction."""
        if not command:
            raise TypeError("a command has a name")
        self.writes.append(command)
        return Pending(len(self.writes) - 1)


Function: TypeAlias = Callable[[list[bytes], list[bytes], Database], object]
F = TypeVar("F", bound=Function)


class Registry:
    """The functions that a library registers while it is loaded."""

    current: Registry | None = None

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}


@overload
def function(target: F, /) -> F: ...
@overload
def function(
    *, name: str | None = None, flags: Sequence[str] = (), description: str | None = None
) -> Callable[[F], F]: ...
def function(
    target: F | None = None,
    /,
    *,
    name: str | None = None,
    flags: Sequence[str] = (),
    description: str | None = None,
) -> F | Callable[[F], F]:
    """Make a function of this library callable by FCALL. The values are literals: the server reads them."""

    def register(target: F) -> F:
        for flag in flags:
            if flag not in FLAGS:
                raise ValueError(f"unknown flag {flag!r}; there are {', '.join(FLAGS)}")
        if Registry.current is not None:
            Registry.current.functions[(name or target.__name__).lower()] = target
        return target

    return register if target is None else register(target)
