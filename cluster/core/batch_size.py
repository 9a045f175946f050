"""How many keys one MIGRATE should carry, learned while it goes.

BACKGROUND  A peer that runs MIGRATE serves nobody else until the target has answered, so a batch of many or
            big keys is a pause for every client of that node. A batch of few small keys wastes a round trip
            between the nodes.
BEHAVIOUR   Keep one write at about ``PAUSE_MS_GOAL``: after each, the size follows the measured time a
            key, by a factor of two at most, so that one odd measurement does no harm. A failed batch is cut
            in half.
"""

from dataclasses import dataclass

PAUSE_MS_GOAL = 20.0
KEYS_MIN = 1
KEYS_MAX = 5_000
KEYS_FIRST = 200


@dataclass(slots=True)
class BatchSizer:
    """How many keys to put into the next write of MIGRATE commands to one source."""

    keys: int = KEYS_FIRST
    keys_max: int = KEYS_MAX

    def __post_init__(self) -> None:
        self.keys = min(self.keys, self.keys_max)

    def moved(self, keys: int, elapsed_ms: float) -> None:
        """Learn from a write that moved ``keys`` in ``elapsed_ms``."""
        if not keys:
            return
        fitting = int(PAUSE_MS_GOAL * keys / max(elapsed_ms, 0.001))
        bounded = min(max(fitting, self.keys // 2), self.keys * 2)
        if keys >= self.keys // 2 or bounded < self.keys:
            self.keys = min(max(bounded, KEYS_MIN), self.keys_max)

    def failed(self) -> None:
        """A write timed out or was refused: carry half as much from now on."""
        self.keys = max(self.keys // 2, KEYS_MIN)
