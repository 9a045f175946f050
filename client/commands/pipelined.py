"""All typed methods as a pipeline has them: each returns a :class:`~garrison.client.queued.Queued`.

The methods are those of :class:`~garrison.client.commands.typed.TypedCommands`, unchanged. What they return
in a pipeline stands in the stub beside this file, which ``.ci/queued_stub.py`` writes from them.
"""

from __future__ import annotations

from garrison.client.commands.base import T
from garrison.client.commands.typed import TypedCommands

__all__ = ["PipelinedCommands"]


class PipelinedCommands(TypedCommands[T]):
    """The typed methods, returning futures."""
