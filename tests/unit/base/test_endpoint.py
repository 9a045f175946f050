"""Addresses as people write them."""

from __future__ import annotations

import pytest

from garrison.base.endpoint import Endpoint, parse_address_map, parse_endpoint, split_list


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("7000", Endpoint("127.0.0.1", 7000)),
        (":7000", Endpoint("127.0.0.1", 7000)),
        ("example:7000", Endpoint("example", 7000)),
        ("[::1]:7000", Endpoint("::1", 7000)),
        ("redis://example", Endpoint("example", 6379)),
        ("redis://example:7000/", Endpoint("example", 7000)),
        ("redis://example:7000/0", Endpoint("example", 7000)),
        ("valkey://[::1]:7000", Endpoint("::1", 7000)),
        ("redis://:p%40w@example:7000", Endpoint("example", 7000, None, "p@w")),
        ("rediss://bob:pw@example:7000", Endpoint("example", 7000, "bob", "pw", True)),
    ],
)
def test_address_is_read(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("example", "write host:port"),
        ("example:", "write host:port"),
        ("example:70000", "write host:port"),
        ("example:0", "write host:port"),
        ("example:x", "write host:port"),
        ("70000", "write host:port"),
        ("", "write host:port"),
        ("http://example", "write redis://host:port"),
        ("redis://:secret@example:port", "redis://:\\*\\*\\*@example:port"),
        ("redis://:secret@example:7000/3", "leave out what follows the port"),
        ("redis://:secret@example?db=3", "leave out what follows the port"),
    ],
)
def test_what_is_no_address_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse_endpoint(text)
    assert "secret" not in str(refused.value)


def test_host_may_stand_alone_where_there_is_a_default_port() -> None:
    assert parse_endpoint("example", 26379) == Endpoint("example", 26379)
    assert parse_endpoint("[::1]", 26379) == Endpoint("::1", 26379)
    assert str(parse_endpoint("[::1]:5", 26379)) == "[::1]:5"


def test_address_map_is_read() -> None:
    texts = ["a:1=b:2, [::1]:1=b:3", "db1=127.0.0.1", ""]
    assert parse_address_map(texts) == {"a:1": "b:2", "[::1]:1": "b:3", "db1": "127.0.0.1"}
    with pytest.raises(ValueError, match="or both without a port"):
        parse_address_map(["a:1=b"])


def test_list_option_is_split_at_commas_and_repeats() -> None:
    assert split_list(["a, b", "", "c,,", " "]) == ["a", "b", "c"]
