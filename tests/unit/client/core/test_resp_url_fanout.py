"""Small pure parts: encoding, URLs, splitting over slots, settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.client.core.fanout import merge_in_order, split
from garrison.client.core.resp import encode_command, to_bytes
from garrison.client.core.slots import key_slot
from garrison.client.core.topology import Address
from garrison.client.core.url import parse_url
from garrison.client.errors import UsageError

args = st.binary(max_size=2000) | st.text() | st.integers() | st.floats(allow_nan=False)


@given(st.lists(args))
def test_an_encoded_command_is_parsed_back(values: list[bytes | str | int | float]) -> None:
    reader = hiredis.Reader()
    reader.feed(encode_command("CLUSTER SLOTS", *values))
    assert reader.gets() == [b"CLUSTER", b"SLOTS", *(to_bytes(value) for value in values)]
    assert reader.gets() is False


def test_arguments_are_sent_as_documented() -> None:
    assert [
        to_bytes(v) for v in (b"b", "\u00e9", 5, -1.5, 1e300, bytearray(b"x"), memoryview(b"y"), "\udcff")
    ] == [
        b"b",
        b"\xc3\xa9",
        b"5",
        b"-1.5",
        b"1e+300",
        b"x",
        b"y",
        b"\xff",
    ]
    for value, what in ((True, "bool"), (None, "NoneType"), ([], "list")):
        with pytest.raises(UsageError, match=what):
            to_bytes(value)  # type: ignore[arg-type]


def test_urls() -> None:
    target = parse_url("rediss://u%3A:p%40ss:x@[::1]:7000,db/4")
    assert target.addresses == (Address("::1", 7000), Address("db", 6379))
    assert (target.tls, target.username, target.password, target.database) == (True, "u:", "p@ss:x", 4)
    plain = parse_url("redis://host")
    assert (plain.tls, plain.username, plain.password, plain.database) == (False, None, None, 0)
    assert parse_url("redis://:secret@host").password == "secret"
    assert str(Address("::1", 5)) == "[::1]:5"


def test_schemes_of_the_peers() -> None:
    assert parse_url("valkey://a:7000/2") == parse_url("redis://a:7000/2")
    assert parse_url("valkeys://a") == parse_url("rediss://a")
    assert parse_url("valkeys://a").tls


def test_options_of_a_url() -> None:
    target = parse_url("redis://ann:x@db?db=3&password=p%40ss&call_timeout_s=5&client_name=web")
    assert (target.database, target.username, target.password) == (3, "ann", "p@ss")
    assert target.options == {"call_timeout_s": "5", "client_name": "web"}


def test_urls_of_unix_sockets() -> None:
    target = parse_url("unix://ann:x@/run/my%20node.sock?db=3")
    assert target.addresses == (Address("/run/my node.sock", 0),)
    assert (target.username, target.password, target.database) == ("ann", "x", 3)
    assert str(target.addresses[0]) == "unix:///run/my node.sock"


def test_sentinel_urls() -> None:
    target = parse_url(
        "sentinel://ann:p%40ss@a,[::1]:1,b:2/my.master?db=3&sentinel_username=s&sentinel_password="
    )
    assert target.addresses == (Address("a", 26379), Address("::1", 1), Address("b", 2))
    assert (target.username, target.password, target.database) == ("ann", "p@ss", 3)
    assert (target.primary_name, target.tls) == ("my.master", False)
    assert target.options == {"sentinel_username": "s", "sentinel_password": ""}
    secret = parse_url("sentinels://a/x?sentinel_tls=no")
    assert (secret.tls, secret.options) == (True, {"sentinel_tls": False})
    assert parse_url("redis://a").primary_name is None


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://u:hidden@a?socket_timeout=5", "unknown option 'socket_timeout' .*write call_timeout_s"),
        ("redis://u:hidden@a?tiemout=5", "unknown option 'tiemout' .*it must be one of db"),
        ("redis://u:hidden@a?decode=yes", "unknown option 'decode'"),
        ("https://u:hidden@a/x", "write redis://"),
        ("unix://u:hidden@a/x", "three slashes"),
        ("sentinel://u:hidden@a:1", "which primary: write sentinel://"),
        ("sentinel://u:hidden@a:1/", "which primary: write sentinel://"),
        ("sentinel://u:hidden@a/x/3", "goes into \\?db="),
        ("sentinel://u:hidden@a/x?db=y", "such as db=0, not 'y'"),
        ("sentinel://u:hidden@a/x?sentinel_tls=1", "yes or no, not '1'"),
        ("sentinel://u:hidden@a/x?tiemout=1", "unknown option 'tiemout'.*: it must be one of db"),
        ("sentinel://u:hidden@a:0/x", "a port of 1 to 65535"),
    ],
)
def test_malformed_url_error_hides_the_password(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_url(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "host:6379",
        "http://host",
        "redis://",
        "redis://host:0",
        "redis://h:99999",
        "redis://h/name",
        "redis://h:x",
        "redis://h/1?db=2",
        "redis://h?db=x",
        "unix://run/socket",
        "unix://",
    ],
)
def test_a_malformed_url_says_how_to_write_it(url: str) -> None:
    with pytest.raises(UsageError, match=r"write|must be"):
        parse_url(url)


@given(st.lists(st.binary(max_size=2)), st.integers(1, 2))
def test_splitting_and_merging_keeps_every_key_in_its_place(keys: list[bytes], step: int) -> None:
    flat = [part for key in keys for part in ([key] if step == 1 else [key, b"v" + key])]
    parts = split(flat, step=step)
    for part in parts:
        args = cast(Sequence[bytes], part.args)
        assert {key_slot(key) for key in args[::step]} == {part.slot}
        assert all(args[at + 1] == b"v" + args[at] for at in range(0, len(args), 2) if step == 2)
    assert merge_in_order(parts, [part.args[::step] for part in parts]) == keys
