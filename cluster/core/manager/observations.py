"""What a manager has seen lasting: since when each condition holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Observations:
    """Since when each condition holds, as Unix times in milliseconds; what is not in it does not hold."""

    since_ms: Mapping[str, int] = field(default_factory=dict)

    def held_ms(self, condition: str, now_ms: int) -> int:
        """How long a condition has held; 0 when it does not."""
        return max(now_ms - self.since_ms[condition], 0) if condition in self.since_ms else 0
