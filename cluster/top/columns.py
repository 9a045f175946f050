"""The columns of the table of nodes: what each shows, how it is sorted, which go first on a narrow screen.

Functions of a picture alone: the widget that draws them is in :mod:`garrison.cluster.top.node_table`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from garrison.cluster.core.manager.picture import NodePicture, Picture
from garrison.cluster.top import figures
from garrison.cluster.top.slot_strip import letters

NAME_WIDTH_MIN = 18
NAME_WIDTH_MAX = 40
MARKS_WIDTH = 4
"""The letter of the shard, a blank, and the step by which replicas are indented."""

Sortable = float | str


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `drop_order` 0 stays always, the largest goes first."""

    title: str
    width: int
    text: Callable[[NodePicture], str]
    key: Callable[[NodePicture], Sortable | None]
    drop_order: int = 0
    is_number: bool = True


def _memory_fraction(node: NodePicture) -> float | None:
    used, limit = node.load.memory_bytes, node.load.memory_max_bytes
    return used / limit if used is not None and limit else None


def lag_text(node: NodePicture) -> str:
    """A replica's distance in time where it is known, else in bytes."""
    if node.role == "primary":
        return ""
    if node.link_up is False:
        return "down"
    if node.load.lag_ms is not None:
        return figures.milliseconds(node.load.lag_ms)
    return figures.size(node.load.lag_bytes)


def _lag_key(node: NodePicture) -> float | None:
    if node.role == "primary":
        return None
    if node.link_up is False:
        return float("inf")
    return node.load.lag_ms if node.load.lag_ms is not None else node.load.lag_bytes


COLUMNS = (
    Column("role", 7, lambda n: n.role, lambda n: n.role, 9, is_number=False),
    Column("state", 9, lambda n: n.state.value, lambda n: n.state.value, is_number=False),
    Column(
        "slots", 5, lambda n: str(n.slot_count) if n.role == "primary" else "", lambda n: n.slot_count or None
    ),
    Column("keys", 5, lambda n: figures.count(n.keys), lambda n: n.keys, 4),
    Column("ops/s", 5, lambda n: figures.count(n.load.ops_per_s), lambda n: n.load.ops_per_s),
    Column("cpu", 4, lambda n: figures.percent(n.load.cpu_fraction), lambda n: n.load.cpu_fraction, 8),
    Column("mem", 5, lambda n: figures.size(n.load.memory_bytes), lambda n: n.load.memory_bytes, 1),
    Column("max", 4, lambda n: figures.percent(_memory_fraction(n)), _memory_fraction, 7),
    Column("hits", 4, lambda n: figures.percent(n.load.hit_rate), lambda n: n.load.hit_rate, 3),
    Column("p99", 5, lambda n: figures.microseconds(n.load.p99_us), lambda n: n.load.p99_us, 2),
    Column("lag", 5, lag_text, _lag_key, 1),
    Column("clients", 7, lambda n: figures.count(n.load.clients), lambda n: n.load.clients, 5),
    Column("zone", 10, lambda n: n.zone, lambda n: n.zone or None, 10, is_number=False),
    Column("version", 8, lambda n: n.version, lambda n: n.version or None, 11, is_number=False),
)
BY_SHARD = "shard"
SORT_ORDERS = (BY_SHARD, "node", *(column.title for column in COLUMNS))
"""What the table may be sorted by; `shard` puts each primary before its replicas."""


def fitting(width: int, name_width: int, *, has_slots: bool) -> tuple[tuple[Column, ...], int]:
    """The columns that fit beside the name of a node, and how wide that one is."""
    name_width = min(max(name_width + MARKS_WIDTH, NAME_WIDTH_MIN), NAME_WIDTH_MAX)
    kept = [column for column in COLUMNS if has_slots or column.title != "slots"]
    while kept:
        rest = width - sum(column.width + 1 for column in kept)
        droppable = max(kept, key=lambda column: column.drop_order)
        if rest >= name_width or not droppable.drop_order:
            return tuple(kept), max(min(rest, name_width), NAME_WIDTH_MIN)
        kept.remove(droppable)
    return (), width


@dataclass(frozen=True, slots=True)
class Row:
    """A node with the letter of its shard."""

    node: NodePicture
    letter: str
    is_indented: bool


def rows_of(picture: Picture, sort: str = BY_SHARD, *, reverse: bool = False, wanted: str = "") -> list[Row]:
    """The nodes in the order asked for; with `wanted` those in whose words it occurs.

    Numbers begin with the largest, words with the first; what is not known comes last in both directions.
    """
    by_id = {node.id: node for node in picture.nodes}
    named = letters(picture)
    rows = []
    for shard in picture.shards:
        letter = named.get(shard.id, "")
        members = [by_id.pop(each, None) for each in (shard.id, *shard.replica_ids)]
        rows += [Row(node, letter, node.role == "replica") for node in members if node is not None]
    rows += [Row(node, "", False) for node in by_id.values()]
    if wanted:
        rows = [row for row in rows if wanted.lower() in words_of(row.node)]
    if sort == BY_SHARD:
        return rows[::-1] if reverse else rows
    return _sorted(rows, sort, reverse)


def _sorted(rows: Sequence[Row], sort: str, reverse: bool) -> list[Row]:
    column = next((each for each in COLUMNS if each.title == sort), None)
    key: Callable[[NodePicture], Sortable | None] = column.key if column else lambda node: node.address
    keyed = [(key(row.node), Row(row.node, row.letter, False)) for row in rows]
    known = [(value, row) for value, row in keyed if value is not None]
    descending = (column is not None and column.is_number) != reverse
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [row for _, row in known] + [row for value, row in keyed if value is None]


def words_of(node: NodePicture) -> str:
    """What a filter looks into, in small letters."""
    words = (node.id, node.address, node.hostname, node.host, node.zone, node.role, node.state, node.version)
    return " ".join(words).lower()


def header_text(columns: Sequence[Column], name_width: int, sort: str = "") -> str:
    """The titles; the one that the table is sorted by is in capitals."""
    titles = [f"{_marked('node', sort):<{name_width}}"]
    for column in columns:
        side = ">" if column.is_number else "<"
        titles.append(f"{_marked(column.title, sort)[: column.width]:{side}{column.width}}")
    return " ".join(titles)


def row_text(row: Row, columns: Sequence[Column], name_width: int) -> str:
    """One node; replicas are indented below their primary."""
    name = f"{row.letter or ' '} {'  ' if row.is_indented else ''}{row.node.address}"
    cells = [f"{_shortened(name, name_width):<{name_width}}"]
    for column in columns:
        text = _shortened(column.text(row.node), column.width)
        cells.append(f"{text:>{column.width}}" if column.is_number else f"{text:<{column.width}}")
    return " ".join(cells)


def _marked(title: str, sort: str) -> str:
    return title.upper() if title == sort else title


def _shortened(text: str, width: int) -> str:
    """The end of an address says more than its beginning."""
    return text if len(text) <= width else f"…{text[-(width - 1) :]}"
