"""Settings that were read too early are taken out of the picture."""

from garrison.cluster.core.manager.picture import NodePicture, Picture
from garrison.cluster.core.manager.settings_read import CLOCK_STEP_MS, SettingsRead


def picture_of(**asked_ms: int) -> Picture:
    nodes = tuple(
        NodePicture(
            id=name, address=f"{name}:1", role="primary", settings={"hz": "10"}, settings_as_of_ms=at_ms
        )
        for name, at_ms in asked_ms.items()
    )
    return Picture(at_ms=9_999, nodes=nodes)


def known_of(picture: Picture) -> list[str]:
    return [node.id for node in picture.nodes if node.settings]


def test_settings_from_before_it_led_do_not_count() -> None:
    read = SettingsRead()
    assert known_of(read.counted(picture_of(a=1, b=2))) == ["a", "b"]
    read.leads(1_000)
    assert known_of(read.counted(picture_of(a=1_000, b=1_001))) == ["b"]


def test_settings_from_before_a_step_do_not_count() -> None:
    read = SettingsRead()
    read.leads(1_000)
    read.changed(["a", "c:1"], 3_000)
    early, late = 2_990, 3_000 - CLOCK_STEP_MS + 1
    assert known_of(read.counted(picture_of(a=early, b=early, c=early))) == ["b"]
    assert known_of(read.counted(picture_of(a=late, b=early, c=late))) == ["a", "b", "c"]


def test_directive_that_was_unknown_is_asked_for_again() -> None:
    read = SettingsRead()
    read.leads(1_000)
    node = NodePicture(id="a", address="a:1", role="primary", settings_unknown=("hz",), settings_as_of_ms=999)
    counted = read.counted(Picture(at_ms=9_999, nodes=(node,)))
    assert counted.nodes[0].settings_unknown == ()
