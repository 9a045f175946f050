"""The table as a widget: it scrolls with its cursor, under a header that stays."""

from __future__ import annotations

from textual.app import App, ComposeResult

from garrison.cluster.top.columns import rows_of
from garrison.cluster.top.node_table import NodeTable
from tests.unit.cluster.top.scenes import cluster, node_id
from tests.unit.cluster.top.screens import text_of


class TableApp(App[None]):
    def __init__(self) -> None:
        super().__init__(ansi_color=True)
        self.table = NodeTable()
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()
        self.table.display_rows(rows_of(cluster(20, 1)), "shard", has_slots=True)

    def on_node_table_chosen(self, message: NodeTable.Chosen) -> None:
        self.chosen.append(message.node_id)


async def test_cursor_is_always_in_sight() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        for keys in (["down"] * 3, ["end"], ["up"] * 12, ["pagedown"], ["pageup"] * 2, ["home"]):
            await pilot.press(*keys)
            await pilot.pause()
            lines = text_of(app).splitlines()
            assert lines[0].startswith(" node")
            assert sum(line.startswith(">") for line in lines) == 1
        assert app.table.cursor_at == 0


async def test_page_moves_by_what_is_seen() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        await pilot.press("pagedown")
        assert app.table.cursor_at == 8


async def test_enter_and_mouse_choose_a_node() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        await pilot.click(NodeTable, offset=(5, 2))
        await pilot.press("enter")
        await pilot.pause()
        assert app.chosen == [node_id(20)]


async def test_cursor_goes_to_the_first_when_its_node_is_gone() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        await pilot.press("end")
        app.table.display_rows(rows_of(cluster(2, 0)), "shard", has_slots=True)
        await pilot.pause()
        assert app.table.cursor_at == 0
        app.table.display_rows([], "shard", has_slots=True)
        await pilot.press("down", "enter")
        assert app.chosen == []
