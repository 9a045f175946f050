"""The spelling that is recommended must exist here."""

from __future__ import annotations

import re

import pytest

from garrison.client import Address, Client
from garrison.client.core import habits
from garrison.client.settings import Settings


def test_recommended_options_are_options_of_connect() -> None:
    known = {*Settings.model_fields, "url", "decode", "ssl", "address_map"}
    recommended = {name for advice in habits._HABITS.values() for name in re.findall(r"(\w+)=", advice)}
    assert recommended - known == set()
    assert len(recommended) > 5


def test_no_habit_hides_an_option() -> None:
    assert set(habits._HABITS) & set(Settings.model_fields) == set()
    assert habits.right_spelling("password") is None


def test_recommended_methods_are_methods_of_the_client() -> None:
    recommended = set()
    for advice in habits._METHODS.values():
        recommended |= set(re.findall(r"client\.(\w+)\(", advice))
    assert {name for name in recommended if not hasattr(Client, name)} == set()
    assert {name for name in habits._METHODS if hasattr(Client, name)} == set()


def test_a_method_of_another_name_says_so(fake_client: Client[bytes]) -> None:
    with pytest.raises(AttributeError, match=r"no 'pubsub': write client\.subscribe"):
        _ = fake_client.pubsub  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"no 'nonsense'$"):
        _ = fake_client.nonsense  # type: ignore[attr-defined]


@pytest.fixture
async def fake_client() -> Client[bytes]:
    return Client(Settings(), [Address("127.0.0.1", 1)])
