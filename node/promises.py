"""What was asked for and is not done in this version, in words for the log.

The rule: what is accepted works, or a line says at each start and at each CONFIG SET that it does not.
"""

from __future__ import annotations

from garrison.node.directives import DIRECTIVES, Use


def at_change(changes: dict[str, str]) -> list[str]:
    """The lines of a CONFIG SET that was carried out."""
    without = [name for name in changes if DIRECTIVES[name].use is Use.NOTHING]
    if not without:
        return []
    return [f"CONFIG SET accepted, but without effect here: {', '.join(without)}"]
