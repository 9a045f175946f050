"""The directives of metrics: a node and a Sentinel have the same."""

from __future__ import annotations

import pytest

from garrison.base.metrics.metrics_directives import ROWS
from garrison.node.directives import DIRECTIVES
from garrison.sentinel.config.directives import ROWS as OF_SENTINEL


def test_both_processes_know_them() -> None:
    for row in ROWS:
        assert DIRECTIVES[row.name] is row
        assert OF_SENTINEL[row.name] is row


def test_off_unless_asked_for() -> None:
    assert DIRECTIVES["metrics-port"].default == "0"
    assert DIRECTIVES["metrics-token"].sensitive


@pytest.mark.parametrize("token", ["two words", "tab\t", "ü"])
def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        DIRECTIVES["metrics-token"].value_type.canonical(token)
