"""The figures of the last minutes, in rings of bounded size."""

from array import array
from collections.abc import Callable, Mapping
from math import isnan, nan

from pydantic import Field

from garrison.cluster.core.manager.picture import Document, NodePicture, Picture

STEP_MS = 2_000
MINUTES_MAX = 15
POINTS_KEPT_MAX = MINUTES_MAX * 60_000 // STEP_MS
POINTS_SHOWN_MAX = 300
"""Of longer times every second, third ... point is shown."""
NODES_KEPT_MAX = 1_000

FIGURES: Mapping[str, Callable[[NodePicture], float | None]] = {
    "ops_per_s": lambda node: node.load.ops_per_s,
    "cpu_fraction": lambda node: node.load.cpu_fraction,
    "memory_bytes": lambda node: node.load.memory_bytes,
    "hit_rate": lambda node: node.load.hit_rate,
    "p99_us": lambda node: node.load.p99_us,
    "lag_ms": lambda node: node.load.lag_ms,
}
SUMMED = frozenset({"ops_per_s", "cpu_fraction", "memory_bytes"})
"""These are added up for the whole, over primaries; of the others the worst counts."""
WHOLE = ""

Figures = dict[str, list[float | None]]


class Series(Document):
    """Figures over time: each list has one entry for each of `at_ms`; None where nothing is known."""

    at_ms: list[int] = Field(default=[])
    step_ms: int = STEP_MS
    whole: Figures = Field(
        default={},
        description="sums over primaries; of hit_rate the lowest, of p99_us and lag_ms the highest",
    )
    nodes: dict[str, Figures] = Field(default={})


class SeriesKeeper:
    """Takes pictures, at most one a step, and answers with the last minutes."""

    def __init__(self) -> None:
        self._at_ms: array[int] = array("q")
        self._rings: dict[str, dict[str, array[float]]] = {}

    def add(self, picture: Picture) -> None:
        """Take a picture's figures. Where the clock was set back, those of later times are dropped."""
        while self._at_ms and self._at_ms[-1] > picture.at_ms + STEP_MS:
            self._drop(slice(-1, None))
        if self._at_ms and picture.at_ms - self._at_ms[-1] < STEP_MS * 0.9:
            return
        rows = {node.id: _row(node) for node in picture.nodes[:NODES_KEPT_MAX]}
        rows[WHOLE] = _whole(picture)
        self._at_ms.append(picture.at_ms)
        for name in rows.keys() - self._rings.keys():
            missing = [nan] * (len(self._at_ms) - 1)
            self._rings[name] = {figure: array("d", missing) for figure in FIGURES}
        for name, rings in self._rings.items():
            row = rows.get(name, {})
            for figure, ring in rings.items():
                value = row.get(figure)
                ring.append(nan if value is None else value)
        self._trim()

    def _trim(self) -> None:
        surplus = len(self._at_ms) - POINTS_KEPT_MAX
        if surplus > 0:
            self._drop(slice(surplus))
        for name in [name for name, rings in self._rings.items() if all(map(_is_empty, rings.values()))]:
            del self._rings[name]

    def _drop(self, points: slice) -> None:
        del self._at_ms[points]
        for rings in self._rings.values():
            for ring in rings.values():
                del ring[points]

    def last(self, minutes: float, now_ms: int) -> Series:
        """The figures of the last `minutes`."""
        since = now_ms - minutes * 60_000
        first = next((index for index, at in enumerate(self._at_ms) if at >= since), len(self._at_ms))
        stride = max(1, -(-(len(self._at_ms) - first) // POINTS_SHOWN_MAX))

        def cut(rings: dict[str, "array[float]"]) -> Figures:
            return {
                figure: [None if isnan(value) else value for value in ring[first::stride]]
                for figure, ring in rings.items()
            }

        return Series(
            at_ms=list(self._at_ms[first::stride]),
            step_ms=STEP_MS * stride,
            whole=cut(self._rings.get(WHOLE, {})),
            nodes={name: cut(rings) for name, rings in self._rings.items() if name != WHOLE},
        )


def _is_empty(ring: "array[float]") -> bool:
    return all(map(isnan, ring))


def _row(node: NodePicture) -> dict[str, float | None]:
    return {figure: of(node) for figure, of in FIGURES.items()}


def _whole(picture: Picture) -> dict[str, float | None]:
    row: dict[str, float | None] = {}
    for figure, of in FIGURES.items():
        counted = [node for node in picture.nodes if node.role == "primary" or figure not in SUMMED]
        values = [value for value in map(of, counted) if value is not None]
        if not values:
            row[figure] = None
        elif figure in SUMMED:
            row[figure] = sum(values)
        else:
            row[figure] = min(values) if figure == "hit_rate" else max(values)
    return row
