"""Every directive of a node: one table, from which parsing, CONFIG, the documents and the checks all come.

The names, defaults and ranges are those of Redis 7.0, so that an existing file or command line starts a node
unchanged; :mod:`.garrison_only` adds directives that Redis does not have. A row says who uses the directive
today (:class:`~garrison.base.value_types.Use`); one that is accepted without effect says so at start.
"""

from __future__ import annotations

from garrison.base import tls_directives
from garrison.base.metrics import metrics_directives
from garrison.base.value_types import Directive, Use, ValueType
from garrison.node.directives import (
    cluster,
    garrison_only,
    memory,
    persistence,
    replication,
    sentinel,
    server,
)

__all__ = ["ALIASES", "DIRECTIVES", "Directive", "Use", "ValueType", "find"]

DIRECTIVES: dict[str, Directive] = {
    row.name: row
    for module in (
        *(server, memory, persistence, replication, cluster),
        *(tls_directives, metrics_directives, garrison_only, sentinel),
    )
    for row in module.ROWS
}

ALIASES: dict[str, Directive] = {row.alias: row for row in DIRECTIVES.values() if row.alias}


def find(name: str) -> Directive | None:
    """The directive of that name or alias, in any case of letters."""
    lower = name.lower()
    return DIRECTIVES.get(lower) or ALIASES.get(lower)
