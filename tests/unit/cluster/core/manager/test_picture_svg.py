"""A picture shows itself in a notebook."""

from xml.etree import ElementTree

from tests.unit.cluster.top.scenes import cluster, failover, sentinel_group

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> set[str]:
    return {element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")}


def test_shards_replicas_and_zones_are_drawn() -> None:
    written = words(cluster()._repr_svg_())
    assert "shop · cluster · 3 primaries, 3 replicas · 16384 of 16384 slots served" in written
    assert {"10.0.0.1:7000 zone-0", "+ 10.0.0.4:7000 zone-0", "5461 slots 0-5460"} <= written


def test_what_is_wrong_is_said() -> None:
    assert {"10.0.0.1:7000 failed zone-0", "+ 10.0.0.4:7000 no link zon…"} <= words(failover()._repr_svg_())


def test_servers_without_slots_have_no_strip() -> None:
    written = words(sentinel_group()._repr_svg_())
    assert "16383" not in written
    assert not any("slots" in word for word in written)


def test_html_has_the_same_drawing() -> None:
    assert cluster()._repr_svg_() in cluster()._repr_html_()
