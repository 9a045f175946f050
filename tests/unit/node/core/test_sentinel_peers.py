"""What Sentinels say of themselves, who is known then, and the file."""

from __future__ import annotations

import pytest

from garrison.node.core.sentinel_peers import (
    NAMES_MAX,
    Hello,
    Peers,
    PeersFileError,
    parse_configured,
    parse_hello,
)

RUN_ID = "0123456789abcdef0123456789abcdef01234567"
DAY_MS = 86_400_000


def hello(number: int, *, host: str = "", port: int = 26379, name: str = "mymaster") -> Hello:
    return Hello(host or f"10.0.0.{number}", port, f"{number:040x}", name, ("10.0.1.1", 6379), 1)


def peers(*, count_max: int = 64) -> Peers:
    return Peers(count_max, DAY_MS)


def test_a_message_is_read() -> None:
    message = f"10.0.0.1,26379,{RUN_ID},7,mymaster,10.0.1.1,6379,3".encode()
    assert parse_hello(message) == Hello("10.0.0.1", 26379, RUN_ID, "mymaster", ("10.0.1.1", 6379), 3)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        f"10.0.0.1,26379,{RUN_ID},7,mymaster,10.0.1.1,6379".encode(),
        f"10.0.0.1,26379,{RUN_ID},7,mymaster,10.0.1.1,6379,3,4".encode(),
        f"10.0.0.1,0,{RUN_ID},7,mymaster,10.0.1.1,6379,3".encode(),
        f"10.0.0.1,65536,{RUN_ID},7,mymaster,10.0.1.1,6379,3".encode(),
        f"10.0.0.1,26379,{RUN_ID}0,7,mymaster,10.0.1.1,6379,3".encode(),
        f"10.0.0.1,26379,{RUN_ID},-7,mymaster,10.0.1.1,6379,3".encode(),
        f"10.0.0.1,26379,{RUN_ID},7,my master,10.0.1.1,6379,3".encode(),
        f"10.0.0.1\n,26379,{RUN_ID},7,mymaster,10.0.1.1,6379,3".encode(),
        f"10.0.0.1,26379,{RUN_ID},7,mymaster,,6379,3".encode(),
        b"\xff,26379," + RUN_ID.encode() + b",7,mymaster,10.0.1.1,6379,3",
    ],
)
def test_what_no_sentinel_says_is_no_message(message: bytes) -> None:
    assert parse_hello(message) is None


def test_news_is_a_new_sentinel_or_a_new_address() -> None:
    known = peers()
    assert known.hello(hello(1), 0)
    assert not known.hello(hello(1), 2000)
    assert known.hello(hello(2), 2000)
    assert known.hello(hello(1, port=26380), 4000)
    assert known.watchers() == {"mymaster": (("10.0.0.1", 26380), ("10.0.0.2", 26379))}
    assert known.hello(hello(3, host="10.0.0.2"), 4000), "another Sentinel at an address replaces the former"
    assert known.watchers() == {"mymaster": (("10.0.0.1", 26380), ("10.0.0.2", 26379))}
    assert known.primaries == {"mymaster": ("10.0.1.1", 6379)}


def test_one_is_forgotten_only_while_others_speak() -> None:
    known = peers()
    known.hello(hello(1), 0)
    known.hello(hello(2), 0)
    assert not known.hello(hello(2), DAY_MS)
    assert known.hello(hello(2), DAY_MS + 1)
    assert known.watchers() == {"mymaster": (("10.0.0.2", 26379),)}
    assert not known.hello(hello(2), 9 * DAY_MS), "all were silent, and none of them is forgotten"


def test_what_is_known_is_bounded() -> None:
    known = peers(count_max=3)
    for number in range(1, 10):
        assert known.hello(hello(number), 0) == (number <= 3)
    assert len(known.watchers()["mymaster"]) == 3
    for number in range(NAMES_MAX + 10):
        known.hello(hello(1, name=f"name{number}"), 0)
    assert len(known.watchers()) == NAMES_MAX


def test_the_file_brings_all_of_it_back() -> None:
    known, again = peers(), peers()
    for number in (1, 2):
        known.hello(hello(number), 0)
        known.hello(hello(number, host="fe80::1%eth0", port=number, name="other"), 0)
    again.read_text(known.to_text(), "peers.conf", 5)
    assert again.watchers() == known.watchers()
    assert again.to_text() == known.to_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-12], "not a checksum"),
        (lambda text: text.replace("10.0.0.1", "10.0.0.2"), "line 4: the checksum does not match"),
        (lambda text: "", "line 1: the last line is not a checksum"),
        (lambda text: text + "more\n", "not a checksum"),
    ],
)
def test_damage_is_an_error_with_its_place(change: object, said: str) -> None:
    known = peers()
    known.hello(hello(1), 0)
    known.hello(hello(2), 0)
    with pytest.raises(PeersFileError, match=said) as caught:
        peers().read_text(change(known.to_text()), "dir/peers.conf", 0)  # type: ignore[operator]
    assert str(caught.value).startswith("dir/peers.conf, line ")
    assert "remove it" in str(caught.value)


def test_configured_sentinels_stand_beside_the_others() -> None:
    known = peers()
    known.configured = parse_configured("mymaster 10.0.0.1 26379 10.0.0.9 26379\n\nother s1 1")
    known.hello(hello(1), 0)
    assert known.watchers() == {
        "mymaster": (("10.0.0.1", 26379), ("10.0.0.9", 26379)),
        "other": (("s1", 1),),
    }
    known.forget_received()
    known.configured = {}
    assert known.watchers() == {}
    for text in ("mymaster", "mymaster host", "mymaster host 0", "my,master host 1", "m h 1 h"):
        with pytest.raises(ValueError, match=r"is not|followed"):
            parse_configured(text)
