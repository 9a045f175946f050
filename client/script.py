"""A registered script: called like a function, sent by its digest wherever the node knows it.

::

    add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    await add(keys=["visits"], args=[5])                  # EVALSHA; EVAL where the node lacks it

    async with client.pipeline() as pipe:
        total = add(keys=["visits"], args=[1], client=pipe)
    total.result()

A script is one atomic step on one node: in a cluster its keys share a slot. Which nodes know it does not
matter, after failovers, restarts and new primaries neither; ``await add.load()`` sends it to all primaries
beforehand. Scripts must not answer ``NOSCRIPT`` themselves: the call would be repeated with the source.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha1
from typing import TYPE_CHECKING, Any, Generic, overload

from garrison.client.commands.base import Reply, T
from garrison.client.core.commands import Retry, command
from garrison.client.core.resp import Arg, Key, to_bytes
from garrison.client.core.slots import key_slot
from garrison.client.errors import UsageError
from garrison.client.execution import ANY_SLOT
from garrison.client.pipeline import Pipeline
from garrison.client.queued import Queued
from garrison.client.script_call import ScriptCall

if TYPE_CHECKING:
    from garrison.client.client import Client

__all__ = ["Script"]

_EVAL = command("EVAL")
_EVALSHA = command("EVALSHA")
_EVALSHA_RO = command("EVALSHA_RO")
_EVAL_RO = command("EVAL_RO")


class Script(Generic[T]):
    """A script of a client. Made by ``client.register_script(source)``, which sends nothing."""

    def __init__(self, client: Client[T], source: Arg, *, read_only: bool, repeatable: bool) -> None:
        self.source = to_bytes(source)
        self.sha = sha1(self.source, usedforsecurity=False).hexdigest()
        """The name by which nodes know it: the SHA1 digest of the source in hexadecimal."""
        self._client = client
        self._commands = (_EVALSHA_RO, _EVAL_RO) if read_only else (_EVALSHA, _EVAL)
        self._retry = Retry.READ if read_only else Retry.STATE if repeatable else Retry.ONCE

    def __repr__(self) -> str:
        return f"Script({self.sha}, {len(self.source)} bytes)"

    @overload
    def __call__(
        self, keys: Iterable[Key] = (), args: Iterable[Arg] = (), *, client: Pipeline[T]
    ) -> Queued[Any]: ...

    @overload
    def __call__(
        self, keys: Iterable[Key] = (), args: Iterable[Arg] = (), client: Client[T] | None = None
    ) -> Reply[Any]: ...

    def __call__(
        self,
        keys: Iterable[Key] = (),
        args: Iterable[Arg] = (),
        client: Client[T] | Pipeline[T] | None = None,
    ) -> Reply[Any]:
        """Run it with these keys and arguments, or queue it in a pipeline (``client=pipe``).

        Replies are as those of ``client.eval``.
        """
        return (self._client if client is None else client)._scripted(self.call_of(keys, args))

    async def load(self) -> str:
        """Send it to all primaries, so that not even the first call carries the source; the digest."""
        return await self._client.script_load(self.source)

    def call_of(self, keys: Iterable[Key], args: Iterable[Arg]) -> ScriptCall:
        """The call that runs it with these keys and arguments."""
        for given in (keys, args):
            if isinstance(given, (bytes, str)):
                raise UsageError("keys and args are lists: write keys=['key'], args=['argument']")
        names = [to_bytes(key) for key in keys]
        slot = key_slot(names[0]) if names else ANY_SLOT
        words = (len(names), *names, *args)
        return ScriptCall(*self._commands, self._retry, slot, self.sha, self.source, words)
