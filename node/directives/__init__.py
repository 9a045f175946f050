"""Every directive of a node: one table, from which parsing, CONFIG, the documents and the checks all come.

The names, defaults and ranges are those of Redis 7.0, so that an existing file or command line starts a node
unchanged; :mod:`garrison.node.directives.own` adds Garrison's own limits. A row says who heeds the directive
today (:class:`~garrison.base.kinds.Use`); nothing that is accepted without effect stays silent.
"""

from __future__ import annotations

from garrison.base import tls_directives
from garrison.base.kinds import Directive, Kind, Use
from garrison.node.directives import cluster, memory, own, persistence, replication, sentinel, server

__all__ = ["ALIASES", "DIRECTIVES", "Directive", "Kind", "Use", "find"]

DIRECTIVES: dict[str, Directive] = {
    row.name: row
    for module in (server, memory, persistence, replication, cluster, tls_directives, own, sentinel)
    for row in module.ROWS
}

ALIASES: dict[str, Directive] = {row.alias: row for row in DIRECTIVES.values() if row.alias}


def find(name: str) -> Directive | None:
    """The directive of that name or alias, in any case of letters."""
    lower = name.lower()
    return DIRECTIVES.get(lower) or ALIASES.get(lower)
