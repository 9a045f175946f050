"""What a verify step expects."""

import pytest

from garrison.cluster.core.manager.expectations import expectation, unmet
from tests.unit.cluster.core.manager.cluster_model import ClusterModel

PICTURE = ClusterModel.of(3, 1).picture()
FIRST, FOURTH = f"{0:040x}", f"{3:040x}"


def test_picture_that_agrees_leaves_nothing_unmet() -> None:
    expect = expectation(
        nodes={FOURTH: {"role": "replica", "primary_id": FIRST}, "10.0.0.1:7000": {"state": "ok"}},
        gone=["f" * 40],
        slots={FIRST: "0-99"},
    )
    assert unmet(expect, PICTURE) == []


def test_each_difference_is_said() -> None:
    expect = expectation(nodes={FIRST: {"version": "9"}, "x": {}}, gone=[FOURTH], slots={FIRST: "5460-5462"})
    assert unmet(expect, PICTURE) == [
        "version of 10.0.0.1:7000 is 1.0, not 9",
        "x is not in the picture",
        "10.0.0.4:7003 is still known",
        f"{FIRST} does not own 5461-5462",
    ]


def test_nothing_expected_is_met() -> None:
    assert unmet(expectation(), PICTURE) == []


def test_text_that_is_no_expectation_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON object"):
        unmet("[]", PICTURE)
