"""The limit of open files is raised where it may be, and named where it is too low."""

from __future__ import annotations

import resource

import pytest

from garrison.base.descriptors import RESERVED, files_max, make_room

Limits = tuple[int, int]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[Limits]:
    """The limits of a process that is not this one; the last one counts."""
    found: list[Limits] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: found[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: found.append(new))
    return found


def test_limit_is_raised_as_far_as_it_may_be(limits: list[Limits]) -> None:
    limits.append((256, 4096))
    assert make_room(1000) == 1000
    assert limits[-1] == (1000 + RESERVED, 4096)
    assert make_room(10_000) == 4096 - RESERVED
    assert files_max() == 4096


def test_low_limit_leaves_room_for_one_client(limits: list[Limits]) -> None:
    limits.append((12, 12))
    assert make_room(1000) == 1
    assert files_max() == 12


def test_no_limit_is_no_obstacle(limits: list[Limits]) -> None:
    limits.append((resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert make_room(1000) == 1000
    assert files_max() > 1_000_000
