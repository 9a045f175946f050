"""`garrison top` as a textual application: it shows what a source of pictures yields.

Everything can be done by keyboard, and nothing is said by colour alone. The screen is drawn when a picture
comes, when a key is pressed, and once a second for the age of the picture.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import tzinfo
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.verdict import complaints
from garrison.cluster.top.columns import SORT_ORDERS, rows_of
from garrison.cluster.top.headline import age_words, sums_line, title_line
from garrison.cluster.top.node_table import NodeTable
from garrison.cluster.top.picture_sources import PictureSource, SourceError
from garrison.cluster.top.slot_strip import strip
from garrison.cluster.top.timeline import detail_lines, panel_lines

RETRY_S = 2.0
PANEL_HEIGHTS = (6, 12, 0)
"""The heights of the panel of events that `e` goes through."""
SLOTS_LABEL = "slots "
KEYS_LINE = "q quit  ? help  s sort: {}  / filter  enter node  e events  p pause"
HELP = """\
garrison top: the keys

  up down, j k       move; page up, page down, home, end
  enter              more about the node: replication, slow commands, events
  s, S               sort by the next column, by the one before
  r                  the other way round
  /                  filter by a part of address, id, zone, host, role, state
  escape             end the filter; close this
  e                  the panel of jobs and events: small, large, none
  p                  pause, and go on
  q                  quit

Letters stand for shards: the line of slots shows which shard owns which
part of the 16,384 slots; ! is a part with slots that nobody serves, ~ one
with an open slot. A figure that is not known is -.

'garrison status' prints the same once, for scripts."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Line(Static):
    """Text that is drawn again only when it has changed, and takes no room when it is empty."""

    def __init__(self, text: str = "", *, id: str) -> None:
        super().__init__(text, id=id, markup=False, classes="" if text else "hidden")
        self._text = text

    def display_text(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.update(Content(text))
        self.set_class(not text, "hidden")


class LinesScreen(ModalScreen[None]):
    """Lines of text over the whole screen, closed by escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "close"),
        Binding("question_mark", "dismiss", show=False),
    ]
    DEFAULT_CSS = """
    LinesScreen { background: $background; }
    LinesScreen VerticalScroll { padding: 0 1; scrollbar-size: 1 1; }
    """

    def __init__(self, lines: Callable[[], list[str]]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._content(), id="lines")

    def refresh_lines(self) -> None:
        self.query_one("#lines", Static).update(self._content())

    def _content(self) -> Content:
        return Content("\n".join([*self._lines(), "", "escape closes this"]))


class TopApp(App[None]):
    """The live picture."""

    TITLE = "garrison top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; overflow: hidden hidden; }
    Line { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    #title { text-style: bold; }
    #trouble { height: auto; max-height: 2; text-style: bold; color: ansi_red; }
    #panel { height: 6; border-top: ascii ansi_default; }
    #keys { text-style: reverse; }
    #filter { height: 1; border: none; padding: 0; }
    .hidden { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("s", "sort(1)", "sort"),
        Binding("S", "sort(-1)", show=False),
        Binding("r", "reverse", "reverse"),
        Binding("slash", "filter", "filter"),
        Binding("escape", "end_filter", show=False),
        Binding("e", "panel", "events"),
        Binding("p,space", "pause", "pause"),
        Binding("question_mark,h,f1", "help", "help"),
    ]

    def __init__(
        self,
        source: PictureSource,
        *,
        now_ms: Callable[[], int] = _now_ms,
        retry_s: float = RETRY_S,
        zone: tzinfo | None = None,
    ) -> None:
        """`zone` is the time zone of the clock times; None is the machine's own."""
        # The terminal's own colours, and with NO_COLOR none at all.
        super().__init__(ansi_color=True)
        self._source = source
        self._now_ms = now_ms
        self._retry_s = retry_s
        self._zone = zone
        self._newest: Picture | None = None
        self._shown: Picture | None = None
        self._lost = ""
        self._is_paused = False
        self._sort_at = 0
        self._is_reversed = False
        self._panel_at = 0
        self._lines = {name: Line(id=name) for name in ("title", "sums", "slots", "trouble", "panel", "keys")}
        self._table = NodeTable(id="nodes")
        self._filter = Input(
            placeholder="filter: address, zone, role, state", id="filter", classes="hidden", compact=True
        )

    def compose(self) -> ComposeResult:
        for name in ("title", "sums", "slots", "trouble"):
            yield self._lines[name]
        yield self._table
        yield self._lines["panel"]
        yield self._filter
        yield self._lines["keys"]

    def on_mount(self) -> None:
        self._table.focus()
        self._draw()
        self.run_worker(self._follow(), name="pictures")
        self.set_interval(1.0, self._draw_title)

    async def _follow(self) -> None:
        """Take pictures from the source for ever; when it fails, say so and ask again."""
        while True:
            try:
                async for picture in self._source.pictures():
                    self._lost = ""
                    self._newest = picture
                    if not self._is_paused:
                        self._shown = picture
                        self._draw()
                self._lost = f"{self._source.name} has ended"
            except SourceError as error:
                self._lost = str(error)
            self._draw()
            await asyncio.sleep(self._retry_s)

    # ---- drawing

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        picture = self._shown
        self._draw_title()
        self._draw_trouble()
        self._lines["keys"].display_text(KEYS_LINE.format(SORT_ORDERS[self._sort_at]))
        if picture is not None:
            self._lines["sums"].display_text(sums_line(picture, self.size.width))
            line = strip(picture, self.size.width - len(SLOTS_LABEL))
            self._lines["slots"].display_text(f"{SLOTS_LABEL}{line}" if line else "")
            self._draw_rows(picture)
        self._draw_panel(picture)
        if isinstance(self.screen, LinesScreen):
            self.screen.refresh_lines()

    def _draw_title(self) -> None:
        picture = self._shown
        if picture is None:
            self._lines["title"].display_text(f"garrison top | asking {self._source.name}")
            return
        state = "paused, " if self._is_paused else "connection lost, " if self._lost else ""
        right = f"{state}as of {age_words(picture, self._now_ms())}"
        room = max(self.size.width - len(right) - 1, 0)
        left = title_line(picture)
        self._lines["title"].display_text(f"{left[:room]:<{room}} {right}")

    def _draw_trouble(self) -> None:
        lines = [f"connection lost: {self._lost}"] if self._lost else []
        found = complaints(self._shown) if self._shown is not None else ()
        more = f" (and {len(found) - 1} more: garrison status)" if len(found) > 1 else ""
        lines += [f"{each}{more}" for each in found[:1]]
        self._lines["trouble"].display_text("\n".join(lines))

    def _draw_rows(self, picture: Picture) -> None:
        sort = SORT_ORDERS[self._sort_at]
        rows = rows_of(picture, sort, reverse=self._is_reversed, wanted=self._filter.value)
        self._table.display_rows(rows, sort, has_slots=picture.kind == "cluster")

    def _draw_panel(self, picture: Picture | None) -> None:
        panel, height = self._lines["panel"], PANEL_HEIGHTS[self._panel_at]
        if not height or picture is None:
            panel.display_text("" if not height else "no picture yet")
            return
        panel.styles.height = height
        lines = panel_lines(picture, self._source.jobs, height - 1, self._zone)
        panel.display_text("\n".join(line[: self.size.width] for line in lines))

    # ---- keys

    def action_sort(self, by: int) -> None:
        self._sort_at = (self._sort_at + by) % len(SORT_ORDERS)
        self._draw()

    def action_reverse(self) -> None:
        self._is_reversed = not self._is_reversed
        self._draw()

    def action_panel(self) -> None:
        self._panel_at = (self._panel_at + 1) % len(PANEL_HEIGHTS)
        self._draw()

    def action_pause(self) -> None:
        self._is_paused = not self._is_paused
        if not self._is_paused:
            self._shown = self._newest
        self._draw()

    def action_filter(self) -> None:
        self._filter.remove_class("hidden")
        self._filter.focus()

    def action_end_filter(self) -> None:
        self._filter.value = ""
        self._filter.add_class("hidden")
        self._table.focus()
        self._draw()

    def on_input_changed(self) -> None:
        self._draw()

    def on_input_submitted(self) -> None:
        self._table.focus()
        self._filter.set_class(not self._filter.value, "hidden")

    def action_help(self) -> None:
        self.push_screen(LinesScreen(HELP.splitlines))

    def on_node_table_chosen(self, message: NodeTable.Chosen) -> None:
        def lines() -> list[str]:
            picture = self._shown
            node = picture.node(message.node_id) if picture is not None else None
            if picture is None or node is None:
                return ["this node is not in the picture any more"]
            return detail_lines(picture, node, self._now_ms(), self._zone)

        self.push_screen(LinesScreen(lines))
