"""Scripts and functions on the server: Lua beside the data, each call one atomic step.

The keys come first and are counted, as in redis-py: ``client.eval(script, 1, "key", "argument")``. In a
cluster all keys of a call share a slot, and a call without keys goes to any primary. What is used more than
once is better registered: ``client.register_script(source)`` sends the digest only
(:mod:`garrison.client.script`).

A reply comes as the script returned it: numbers as int (Lua's fractions are cut off by the server), text as
``T``, tables as lists, ``false`` and ``nil`` as None; a status reply as text.
"""

from __future__ import annotations

from typing import Any

from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg

__all__ = ["ScriptingCommands"]

_EVAL = command("EVAL")
_EVALSHA = command("EVALSHA")
_EVALSHA_RO = command("EVALSHA_RO")
_EVAL_RO = command("EVAL_RO")
_FCALL = command("FCALL")
_FCALL_RO = command("FCALL_RO")


class ScriptingCommands(CommandSet[T]):
    """The commands that run scripts and functions."""

    def eval(self, script: Arg, numkeys: int, *keys_and_args: Arg) -> Reply[Any]:
        """Run a script: its source, the number of keys, the keys, then the arguments."""
        return self._routed(_EVAL, (script, numkeys, *keys_and_args))

    def eval_ro(self, script: Arg, numkeys: int, *keys_and_args: Arg) -> Reply[Any]:
        """Run a script that only reads, as :meth:`eval` does; a write in it is an error."""
        return self._routed(_EVAL_RO, (script, numkeys, *keys_and_args))

    def evalsha(self, sha: Arg, numkeys: int, *keys_and_args: Arg) -> Reply[Any]:
        """Run a script that the node knows, by the SHA1 digest of its source in hexadecimal.

        Raises :class:`~garrison.client.errors.NoScriptError` when the node does not know it.
        """
        return self._routed(_EVALSHA, (sha, numkeys, *keys_and_args))

    def evalsha_ro(self, sha: Arg, numkeys: int, *keys_and_args: Arg) -> Reply[Any]:
        """Run a script that the node knows and that only reads, as :meth:`evalsha` does."""
        return self._routed(_EVALSHA_RO, (sha, numkeys, *keys_and_args))

    def fcall(self, function: Arg, numkeys: int, *keys_and_args: Arg) -> Reply[Any]:
        """Call a function of a loaded library: its name, the number of keys, the keys, then the arguments."""
        return self._routed(_FCALL, (function, numkeys, *keys_and_args))

    def fcall_ro(self, function: Arg, numkeys: int, *keys_and_args: Arg) -> Reply[Any]:
        """Call a function that has the flag ``no-writes``, as :meth:`fcall` does."""
        return self._routed(_FCALL_RO, (function, numkeys, *keys_and_args))
