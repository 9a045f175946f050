"""Which settings of a picture count: those that were asked for after whatever may have changed them.

BACKGROUND  Settings are read seldom, so a picture that is new may show settings that are not: read before a
            step set them, or before this manager led, when another one may have set them. A job planned by
            those would change nothing.
INVARIANTS  Only clocks of this manager are compared: when it began to lead and when its steps ended, with
            when its own observer asked. The times that other managers note may be off by seconds.
BEHAVIOUR   What does not count is taken out of the picture; for planners the node has not said it yet.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from garrison.cluster.core.manager.picture import NodePicture, Picture

CLOCK_STEP_MS = 5
"""What two readings of one clock may differ by: the end of a step and the question after it."""


@dataclass(slots=True)
class SettingsRead:
    """Since when settings count. Unix times of this manager."""

    _led_ms: int = 0
    _changed_ms: dict[str, int] = field(default_factory=dict)
    """Node, by id or by address -> when a step that is about it has ended last."""

    def leads(self, unix_ms: int) -> None:
        """This manager begins to lead: what it has done before is part of that."""
        self._led_ms = unix_ms
        self._changed_ms.clear()

    def changed(self, nodes: Iterable[str], unix_ms: int) -> None:
        """A step about these nodes has ended."""
        self._changed_ms.update(dict.fromkeys(nodes, unix_ms))

    def counted(self, picture: Picture) -> Picture:
        """The picture without settings that were asked for too early."""
        if all(map(self._counts, picture.nodes)):
            return picture
        nothing: dict[str, object] = {"settings": {}, "settings_unknown": ()}
        nodes = (n if self._counts(n) else n.model_copy(update=nothing) for n in picture.nodes)
        return picture.model_copy(update={"nodes": tuple(nodes)})

    def _counts(self, node: NodePicture) -> bool:
        if not node.settings and not node.settings_unknown:
            return True
        changed_ms = max(self._changed_ms.get(name, 0) for name in (node.id, node.address))
        return node.settings_as_of_ms > max(self._led_ms, changed_ms - CLOCK_STEP_MS)
