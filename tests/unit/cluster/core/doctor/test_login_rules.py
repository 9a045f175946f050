"""Configuration of logins: what is guessed is found, and no password is shown."""

from __future__ import annotations

import hashlib

import pytest

from garrison.cluster.core.doctor.examine import examine
from tests.unit.cluster.core.doctor.cases import Case, assert_case, name_of, of_node, single, well_node

SECRET = "s3cret-word"
GUESSED = frozenset({hashlib.sha256(b"foobared").hexdigest()})
OPEN = {"protected-mode": "no", "requirepass": ""}
CASES = [
    Case(
        "open-to-all",
        of_node(nopass=True, config={**OPEN, "bind": "* -::*"}),
        of_node(nopass=True, config={**OPEN, "bind": "127.0.0.1 -::1"}),
    ),
    Case(
        "open-to-all",
        of_node(nopass=True, config={**OPEN, "bind": ""}),
        of_node(nopass=True, config={"protected-mode": "yes", "bind": ""}),
    ),
    Case("weak-password", of_node(password_digests=GUESSED), of_node(), "tried first", severity="error"),
    Case("weak-password", of_node(config={"requirepass": SECRET}), of_node(), "only 11 characters"),
    Case(
        "no-masterauth",
        of_node(config={"masterauth": ""}),
        single(well_node(config={"masterauth": ""}, info={"slave0": None, "connected_slaves": "0"})),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_login_rules(case: Case) -> None:
    assert_case(case)


def test_no_password_is_shown() -> None:
    found = examine(of_node(config={"requirepass": SECRET, "masterauth": SECRET}))
    assert found
    assert SECRET not in repr(found)
