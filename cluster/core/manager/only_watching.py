"""Why a manager only watches a deployment: what it would need in order to act there."""

from typing import Literal

from garrison.cluster.core.manager.picture import Picture

KEEPS_RECORDS = "garrison"
"""The server whose control plane keeps a manager's lease and records."""
SENTINELS = "this manager only watches: jobs are for clusters, and here Sentinels see to failovers"
SINGLE = "this manager only watches: jobs are for clusters, and this is a server without one"


def why_only_watching(picture: Picture, keeping: Literal["cluster", "file"]) -> str:
    """One sentence; empty where a manager may act. A node that has not said what it is gets the benefit."""
    if picture.kind != "cluster":
        return SENTINELS if picture.kind == "sentinel" else SINGLE
    if keeping == "file":
        return ""
    servers = [node.server for node in picture.nodes if node.role == "primary" and node.slot_count]
    others = sum(server not in ("", KEEPS_RECORDS) for server in servers)
    if not others or (len(servers) - others) * 2 > len(servers):
        return ""
    return (
        f"{others} of {len(servers)} primaries are plain Redis or Valkey nodes, which keep no records for "
        "managers: start this one with --records FILE; until then it only watches"
    )
