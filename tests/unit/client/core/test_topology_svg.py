"""The drawing of a topology: sound XML, bounded, and true."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.client.core.slots import SLOT_COUNT
from garrison.client.core.topology import Address, Topology, parse_cluster_slots
from garrison.client.core.topology_svg import (
    SHARDS_DRAWN_MAX,
    DrawnNode,
    DrawnShard,
    draw_html,
    draw_svg,
    ranges_text,
)

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    """What is written in it, without tool tips."""
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def widths(svg: str, look: str) -> float:
    """The width of all parts of the strip with this look."""
    root = ElementTree.fromstring(svg)
    return sum(
        float(element.attrib["width"])
        for element in root.iter(f"{SVG}rect")
        if element.attrib.get("class", "") == look and element.attrib.get("height") == "26"
    )


def test_topology_of_a_client_shows_itself() -> None:
    slots = [
        [0, 8191, ["10.0.0.1", 6379, "a"], ["10.0.0.3", 6379, "c"]],
        [8192, 16382, ["10.0.0.2", 6379, "b"]],
    ]
    topology = parse_cluster_slots(slots, asked_host="10.0.0.1")
    svg = topology._repr_svg_()
    written = texts(svg)
    assert written[0] == "2 primaries, 1 replicas, 16383 of 16384 slots covered"
    assert {"10.0.0.1:6379", "+ 10.0.0.3:6379", "8191 slots 8192-16382", "no replicas"} <= set(written)
    assert widths(svg, "gap") == 1
    assert svg in topology._repr_html_()


def test_empty_topology_is_all_gap() -> None:
    svg = Topology((None,) * SLOT_COUNT, (), {})._repr_svg_()
    assert "!" in texts(svg)
    assert widths(svg, "") == 0


def test_primary_without_slots_has_a_card() -> None:
    topology = Topology((None,) * SLOT_COUNT, (Address("10.0.0.1", 1),), {})
    assert "10.0.0.1:1" in texts(topology._repr_svg_())


@given(st.text(), st.text())
def test_any_text_is_escaped(title: str, label: str) -> None:
    svg = draw_svg(title, [DrawnShard(DrawnNode(label, "<script>"), ((0, 5),))])
    assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
    assert "<script>" not in svg


@pytest.mark.parametrize("shards", [1, SHARDS_DRAWN_MAX, 1_000])
def test_size_is_bounded_with_every_slot_a_range(shards: int) -> None:
    drawn = [
        DrawnShard(
            DrawnNode("x" * 500),
            tuple((slot, slot) for slot in range(at, SLOT_COUNT, shards)),
            tuple(DrawnNode(f"r{each}") for each in range(30)),
        )
        for at in range(shards)
    ]
    svg = draw_svg("t", drawn)
    assert len(svg) < 600_000
    assert (f"and {shards - SHARDS_DRAWN_MAX} more shards" in texts(svg)) == (shards > SHARDS_DRAWN_MAX)
    assert "+ 22 more replicas" in texts(svg)


def test_nothing_comes_from_outside() -> None:
    html = draw_html("t", [DrawnShard(DrawnNode("a:1"), ((0, 16383),))])
    assert set(re.findall(r"https?://[^\"' ]+", html)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in html


def test_dark_and_light_are_both_dressed() -> None:
    svg = draw_svg("t", [])
    light, _, dark = svg.partition("prefers-color-scheme:dark")
    for look in ("ground", "card", "word", "soft", "doubtful", "down", "gap"):
        assert f".{look}{{" in light
        assert f".{look}{{" in dark


def test_health_is_said_by_look_and_words() -> None:
    svg = draw_svg("t", [DrawnShard(DrawnNode("a:1", "failed", "down"))], has_slots=False)
    (element,) = [
        each for each in ElementTree.fromstring(svg).iter(f"{SVG}text") if each.text == "a:1 failed"
    ]
    assert element.attrib["class"] == "down"


@pytest.mark.parametrize(
    ("ranges", "text"), [((), ""), (((0, 5), (7, 7)), "0-5,7"), (((0, 0),) * 5, "0,0,0 +2")]
)
def test_ranges_text(ranges: tuple[tuple[int, int], ...], text: str) -> None:
    assert ranges_text(ranges) == text
