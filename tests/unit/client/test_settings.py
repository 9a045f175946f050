"""The options of connect(): what type checkers are told is what is taken."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from garrison.client import connect
from garrison.client.errors import UsageError
from garrison.client.settings import Options, Settings, make_settings


def test_typed_options_are_the_fields_of_the_settings() -> None:
    typed = typing.get_type_hints(Options)
    fields = {name: field.annotation for name, field in Settings.model_fields.items() if name != "decode"}
    assert typed == fields


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decode_responses": True}, "decode=True"),
        ({"socket_timeout": 5}, "call_timeout_s"),
        ({"host": "db1", "port": 7000}, r"connect\('redis://db1:7000'\)"),
        ({"port": 7000}, r"connect\('redis://127\.0\.0\.1:7000'\)"),
        ({"url": "redis://a", "db": 3}, "redis://host:port/3"),
        ({"url": "redis://a", "max_connections": 10}, "one client serves any number of tasks"),
        ({"url": "redis://a", "tiemout": 3}, "unknown option 'tiemout': known are"),
        ({"url": "redis://a?protocol=4"}, "option protocol='4'"),
        ({}, "give at least one"),
        ({"url": b"redis://a"}, "must be text"),
    ],
)
async def test_habits_are_answered_with_the_right_spelling(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        await connect(**options)


def test_options_of_a_url_are_read_as_numbers() -> None:
    settings = make_settings({"call_timeout_s": "5", "protocol": "2"})
    assert (settings.call_timeout_s, settings.protocol) == (5.0, 2)
