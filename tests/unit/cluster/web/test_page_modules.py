"""Single functions of the page's modules, called in the browser: what has edges that no click reaches."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from tests.unit.cluster.web.conftest import Visitor


def call(page: Page, module: str, expression: str, *arguments: object) -> Any:
    """The value of an expression over `m`, the module, and `a`, the arguments."""
    script = f"async (a) => {{ const m = await import('./js/{module}.js'); return {expression}; }}"
    return page.evaluate(script, list(arguments))


def test_events_come_out_of_any_pieces_of_the_stream(visitor: Visitor) -> None:
    page = visitor.open()
    stream = (
        ': hi\r\n\r\nevent: job\r\ndata: {"id":\r\ndata: "job-1"}\r\n\r\ndata: plain\n\nevent: x\rdata: y\r\r'
    )
    split = "a[1].reduce((all, piece) => [...all, ...m2.push(piece)], [])"
    expression = f"(() => {{ const m2 = new m.EventParser(); return {split}; }})()"
    wanted = [
        {"name": "job", "data": '{"id":\n"job-1"}'},
        {"name": "message", "data": "plain"},
        {"name": "x", "data": "y"},
    ]
    for size in (1, 2, 3, 7, len(stream)):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert call(page, "api", expression, None, [*pieces, "\n"]) == wanted, size


def test_event_without_end_is_given_up(visitor: Visitor) -> None:
    page = visitor.open()
    expression = """(() => {
      const parser = new m.EventParser();
      try {
        for (let at = 0; at < 40; at += 1) parser.push("x".repeat(1 << 20));
      } catch (error) {
        return error.message;
      }
      return "endless";
    })()"""
    assert call(page, "api", expression) == "an event of the stream is too large"


def test_figures_are_written_with_three_digits(visitor: Visitor) -> None:
    page = visitor.open()
    cases: dict[str, list[tuple[float | None, str]]] = {
        "count": [(0, "0"), (999, "999"), (12345, "12.3 k"), (999_600, "1.00 M"), (None, "\u2013")],
        "bytes": [(0, "0 B"), (1536, "1.50 KiB"), (1024**4, "1 TiB"), (None, "\u2013")],
        "percent": [(0, "0 %"), (0.9876, "98.8 %"), (1, "100 %"), (None, "\u2013")],
        "micros": [(850, "850 µs"), (1200, "1.20 ms"), (2_500_000, "2.50 s")],
        "duration": [(0, "0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (86_400, "1 d"), (None, "\u2013")],
    }
    for name, pairs in cases.items():
        values = [value for value, _ in pairs]
        assert call(page, "format", f"a.map((value) => m.{name}(value))", *values) == [
            text for _, text in pairs
        ]


@settings(max_examples=10)
@given(slots=st.sets(st.integers(0, 16383), max_size=60))
def check_ranges(page: Page, slots: set[int]) -> None:
    text = call(page, "slots", "m.formatRanges(a)", *slots)
    assert call(page, "slots", "m.expand(a[0])", text) == sorted(slots)


def test_ranges_are_read_as_they_are_written(visitor: Visitor) -> None:
    check_ranges(visitor.open())


@settings(max_examples=10)
@given(data=st.data())
def check_places(page: Page, data: st.DataObject) -> None:
    names = st.text('ab"\\.{}[],: ', min_size=1, max_size=4).filter(lambda name: "." not in name)
    leaves = st.none() | st.integers(0, 99) | st.text('x{}[]",:\\', max_size=4)
    document = data.draw(
        st.recursive(
            leaves,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
            max_leaves=8,
        )
    )
    path: list[str] = []
    value: Any = document
    while isinstance(value, list | dict) and value:
        keys: list[Any] = list(range(len(value))) if isinstance(value, list) else list(value)
        key = data.draw(st.sampled_from(keys))
        path.append(str(key))
        value = value[key]
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    text = json.dumps(document, indent=data.draw(st.sampled_from([None, 2])))
    if path:
        start, end = call(page, "document_places", "m.placeInJson(a[0], a[1])", text, pointer)
        assert json.loads(text[start:end]) == value


def test_place_of_a_path_is_found_in_any_json(visitor: Visitor) -> None:
    check_places(visitor.open())


def test_words_are_quoted_for_a_shell(visitor: Visitor) -> None:
    page = visitor.open()
    quoted = call(page, "commands", "a.map(m.quoted)", "10.0.0.1:7000", "a b", "it's", "$(x)", "")
    assert quoted == ["10.0.0.1:7000", "'a b'", "'it'\\''s'", "'$(x)'", "''"]


def test_shard_keeps_its_number_over_failovers(visitor: Visitor) -> None:
    page = visitor.open()
    expression = """(() => {
      const store = new m.Store();
      const shard = (id, replicas, slots) => ({ id, replica_ids: replicas, slots });
      store.names.learn([shard("a", ["b"], "0-9"), shard("c", ["d"], "10-19")]);
      store.names.learn([shard("b", ["a"], "0-9"), shard("c", ["d"], "10-19"), shard("e", [], "20")]);
      store.names.learn([shard("a", ["b"], "0-9"), shard("d", ["c"], "10-19"), shard("e", [], "20")]);
      return ["a", "d", "e", "gone"].map((id) => store.names.number(id));
    })()"""
    assert call(page, "store", expression) == [1, 2, 3, 0]
