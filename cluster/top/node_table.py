"""The table of nodes as a widget: it draws the lines that are seen and no others.

With a hundred nodes on a screen of twenty lines a general table would write twelve hundred cells a second;
this writes the two hundred that are on the screen, and stays within a few per cent of a core.
"""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from garrison.cluster.core.manager.picture import NodeState
from garrison.cluster.top.columns import Column, Row, fitting, header_text, row_text

HEADER_HEIGHT = 1
CURSOR = ">"
ROW_STYLES = {
    NodeState.OK: Style(),
    NodeState.SLOW: Style(color="yellow"),
    NodeState.LOADING: Style(color="yellow"),
    NodeState.SUSPECTED: Style(color="yellow", bold=True),
    NodeState.SILENT: Style(color="red", bold=True),
    NodeState.FAILED: Style(color="red", bold=True),
    NodeState.DATA_LOST: Style(color="red", bold=True),
}
HEADER_STYLE = Style(bold=True, underline=True)
CURSOR_STYLE = Style(reverse=True)


class NodeTable(ScrollView, can_focus=True):
    """Rows of nodes with a cursor that stays on its node when the order changes."""

    DEFAULT_CSS = "NodeTable { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size: 0 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """Somebody wants to see more of a node."""

        def __init__(self, node_id: str) -> None:
            super().__init__()
            self.node_id = node_id

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Row] = []
        self._cursor_id = ""
        self._sort = ""
        self._has_slots = True
        self._columns: tuple[Column, ...] = ()
        self._name_width = 0

    def display_rows(self, rows: list[Row], sort: str, *, has_slots: bool) -> None:
        """Draw these from now on; `sort` is marked in the header."""
        self._rows, self._sort, self._has_slots = rows, sort, has_slots
        if rows and all(row.node.id != self._cursor_id for row in rows):
            self._cursor_id = rows[0].node.id
        self._lay_out()
        self.refresh()

    @property
    def cursor_at(self) -> int:
        """The number of the row under the cursor; 0 where there is none."""
        return next((at for at, row in enumerate(self._rows) if row.node.id == self._cursor_id), 0)

    def _lay_out(self) -> None:
        longest = max((len(row.node.address) for row in self._rows), default=0)
        self._columns, self._name_width = fitting(
            self.size.width - len(CURSOR), longest, has_slots=self._has_slots
        )
        size = Size(self.size.width, len(self._rows) + HEADER_HEIGHT)
        if self.virtual_size != size:
            self.virtual_size = size

    def on_resize(self, _: events.Resize) -> None:
        self._lay_out()
        self.refresh()

    def action_move(self, by: int) -> None:
        if not self._rows:
            return
        at = min(max(self.cursor_at + by, 0), len(self._rows) - 1)
        self._cursor_id = self._rows[at].node.id
        # The header covers the first line: the row above the cursor must not lie under it.
        self.scroll_to_region(Region(0, at, 1, 1 + HEADER_HEIGHT), animate=False, force=True)
        self.refresh()

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(self.size.height - HEADER_HEIGHT - 1, 1))

    def action_choose(self) -> None:
        if self._rows:
            self.post_message(self.Chosen(self._rows[self.cursor_at].node.id))

    def on_click(self, event: events.Click) -> None:
        at = event.y - HEADER_HEIGHT + self.scroll_offset.y
        if event.y >= HEADER_HEIGHT and at < len(self._rows):
            self._cursor_id = self._rows[at].node.id
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        if y < HEADER_HEIGHT:
            return self._strip(
                " " * len(CURSOR) + header_text(self._columns, self._name_width, self._sort),
                base + HEADER_STYLE,
            )
        at = y - HEADER_HEIGHT + self.scroll_offset.y
        if at >= len(self._rows):
            return self._strip("", base)
        row = self._rows[at]
        style = base + ROW_STYLES[row.node.state]
        is_under_cursor = row.node.id == self._cursor_id
        if is_under_cursor and self.has_focus:
            style += CURSOR_STYLE
        mark = CURSOR if is_under_cursor else " " * len(CURSOR)
        return self._strip(mark + row_text(row, self._columns, self._name_width), style)

    def _strip(self, text: str, style: Style) -> Strip:
        return Strip([Segment(text, style)]).adjust_cell_length(self.size.width, style)
