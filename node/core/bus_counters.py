"""What the bus has carried and refused: counted by the shell, shown in CLUSTER INFO and INFO."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class BusCounters:
    """Counts since the start of the process."""

    frames_received: int = 0
    frames_sent: int = 0
    frames_refused: int = 0
    """Pieces of a stream that broke the protocol; their links were closed."""
    messages_dropped: int = 0
    """Published messages that a full queue had no room for."""
    links_refused: int = 0
    """Connections that were closed because as many as `cluster-bus-links-max` were open."""
    links_overflowed: int = 0
    """Links that were closed because their queue grew over its limit."""

    def info_fields(self) -> dict[str, int]:
        """The counts by the names that INFO shows."""
        return {f"cluster_bus_{field.name}": getattr(self, field.name) for field in fields(self)}
