"""A call of a registered script: by its digest, with the source at hand for a node that lacks it.

BACKGROUND
    EVALSHA saves sending the source each time, but a node may not have the script: it has never seen it, was
    restarted, has just become primary, or was told to forget. It then answers NOSCRIPT, and has done nothing.

BEHAVIOUR
    * A lone call goes out by digest; after NOSCRIPT the executor sends the source to the same node (EVAL),
      which also loads it there.
    * In a pipeline that would put the script behind the commands that follow it. So the first call of a
      script to each node carries the source, and the others, which the node executes later, the digest: no
      question before, no second round, and the order is kept.
    * In a transaction and on a connection that watches, the same holds for the one node that it runs on, so
      that EXEC cannot meet NOSCRIPT.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from garrison.client.core.commands import Command, Retry
from garrison.client.core.resp import Arg, encode_args
from garrison.client.execution import Call

__all__ = ["ScriptCall", "sources_first"]


class ScriptCall(Call):
    """EVALSHA or EVALSHA_RO, and how to say the same with the source."""

    __slots__ = ("_arg_count", "_by_source", "_encoded", "_source", "digest")

    def __init__(
        self,
        by_digest: Command,
        by_source: Command,
        retry: Retry,
        slot: int,
        digest: str,
        source: bytes,
        words: Sequence[Arg],
    ) -> None:
        self._arg_count = 1 + len(words)
        self._encoded = encode_args(words)
        packed = by_digest.prefix(self._arg_count) + encode_args((digest,)) + self._encoded
        super().__init__(by_digest.name, retry, slot, packed)
        self.digest = digest
        self._by_source = by_source
        self._source = source

    def with_source(self) -> Call:
        """EVAL or EVAL_RO with the same keys and arguments."""
        prefix = self._by_source.prefix(self._arg_count)
        packed = prefix + encode_args((self._source,)) + self._encoded
        return Call(self._by_source.name, self.retry, self.slot, packed)


def sources_first(calls: Sequence[Call], node_of: Callable[[Call], Hashable]) -> Sequence[Call]:
    """The calls of one batch, the first one of each script to each node with its source."""
    if not any(isinstance(call, ScriptCall) for call in calls):
        return calls
    seen: set[Hashable] = set()
    chosen: list[Call] = []
    for call in calls:
        if isinstance(call, ScriptCall) and (at := (node_of(call), call.digest)) not in seen:
            seen.add(at)
            chosen.append(call.with_source())
        else:
            chosen.append(call)
    return chosen
