"""The messages between the node and a worker: arrays of byte strings, framed as RESP.

    node -> worker    LOAD name source             a library, in the place of one of that name
                      CALL library function resp keys key ... arg ...
                                                   without a function: only compare what is registered with
                                                   the names that are the arguments
                      REPLIES reply ...            the RESP3 replies to what the worker has READ
                      STOP                         instead of REPLIES: nobody waits for the call any more
    worker -> node    READY                        it takes calls from now on
                      READ words word ... words word ...
                      DONE pieces piece ... hole ... words word ... words word ...
                      FAIL text [LEAVING]          LEAVING: and takes no further call

Each CALL is answered with any number of READs and one DONE or FAIL. Commands are written as the number of
their words and then these. ``node/shell/python_functions/messages.py`` is the node's side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import hiredis

from garrison.functions.core.api import Argument, Command

LOAD, CALL, REPLIES, STOP = b"LOAD", b"CALL", b"REPLIES", b"STOP"
READY, READ, DONE, FAIL, LEAVING = b"READY", b"READ", b"DONE", b"FAIL", b"LEAVING"

BYTES_MAX = 64 << 20
"""Longest message of a worker; the node drops a worker that sends more."""


def packed(*words: Argument) -> bytes:
    """One message."""
    # Its stub describes a tuple of one word.
    return bytes(hiredis.pack_command(words))  # type: ignore[arg-type]


def flat(commands: Sequence[Command]) -> Iterator[Argument]:
    """The words of commands, each command's number of words before it. Raises TypeError for other types."""
    for command in commands:
        yield len(command)
        for word in command:
            if not isinstance(word, bytes | str | int | float) or isinstance(word, bool):
                raise TypeError(
                    f"an argument of a command is bytes, str, int or float, not {type(word).__name__}"
                )
            yield word
