"""The hello: its text, garbage, and what is believed of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.sentinel.core.hello import EPOCH_MAX, Hello, decode, encode
from garrison.sentinel.core.instances import Address
from tests.unit.sentinel.core.sentinel_driver import PEERS, PRIMARY, REPLICAS, Driver, run_id

GOOD = f"10.1.0.2,26379,{run_id(2)},7,g,10.0.0.1,6379,3"
NAMES = st.text("abcdefghij.-_0123456789", min_size=1, max_size=30)
PORTS = st.integers(1, 65535)
EPOCHS = st.integers(0, EPOCH_MAX)


def test_the_text_is_that_of_the_protocol() -> None:
    hello = Hello(Address("10.1.0.2", 26379), run_id(2), 7, "g", Address("10.0.0.1", 6379), 3)
    assert encode(hello).decode() == GOOD
    assert decode(GOOD.encode()) == hello


@given(
    st.builds(
        Hello,
        st.builds(Address, NAMES, PORTS),
        st.integers(0, 2**160 - 1).map(run_id),
        EPOCHS,
        NAMES,
        st.builds(Address, NAMES, PORTS),
        EPOCHS,
    )
)
def test_what_is_encoded_is_decoded(hello: Hello) -> None:
    assert decode(encode(hello)) == hello


@given(
    st.one_of(st.binary(max_size=2_000), st.lists(st.text(max_size=20)).map(lambda w: ",".join(w).encode()))
)
def test_garbage_is_no_hello_and_no_error(text: bytes) -> None:
    decode(text)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_one_wrong_byte_is_no_error(at: int, byte: int) -> None:
    text = bytearray(GOOD.encode())
    text[at] = byte
    decode(bytes(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD + ",1",
        GOOD.rsplit(",", 1)[0],
        GOOD.replace("26379", "65536"),
        GOOD.replace("26379", "-1"),
        GOOD.replace("6379,3", "0,3"),
        GOOD.replace(",7,", f",{2**63},"),
        GOOD.replace(",7,", ",\N{ARABIC-INDIC DIGIT SEVEN},"),
        GOOD.replace("10.1.0.2", "10.1.0.2\nsentinel monitor x"),
        GOOD.replace("10.0.0.1", "10.0.0.1 9"),
        GOOD.replace("10.0.0.1", '"'),
        GOOD.replace(run_id(2), run_id(2)[1:]),
        GOOD.replace(run_id(2), "X" * 40),
        GOOD.replace(",g,", ",,"),
        GOOD.replace(",g,", "," + "g" * 1_024 + ","),
    ],
)
def test_what_is_nearly_a_hello_is_none(text: str) -> None:
    assert decode(text.encode()) is None


def test_a_hello_makes_a_sentinel_known() -> None:
    driver = Driver()
    driver.hello(2)
    assert driver.primary.peers[run_id(2)].address == Address(*PEERS[0])
    assert "+sentinel" in driver.names()
    assert f"sentinel known-sentinel g {PEERS[0][0]} {PEERS[0][1]} {run_id(2)}" in driver.disk


def test_only_a_higher_epoch_moves_the_primary() -> None:
    driver = Driver()
    driver.hello(2, epoch=5, names=REPLICAS[0], config_epoch=5)
    assert driver.primary.address == Address(*REPLICAS[0])
    assert driver.core.context.epoch == 5
    assert {"+new-epoch", "+config-update-from", "+switch-master"} <= set(driver.names())
    driver.hello(3, epoch=4, names=PRIMARY, config_epoch=4)
    driver.hello(3, epoch=5, names=REPLICAS[1], config_epoch=5)
    assert driver.primary.address == Address(*REPLICAS[0])
    assert driver.names() == ["+sentinel"]


def test_smaller_address_wins_between_configs_of_one_epoch() -> None:
    driver = Driver()
    driver.hello(2, epoch=5, names=REPLICAS[1], config_epoch=5)
    driver.hello(3, epoch=5, names=REPLICAS[0], config_epoch=5)
    assert driver.primary.address == Address(*REPLICAS[0])
    assert "+config-conflict" in driver.names()


def test_of_two_with_one_id_the_larger_address_takes_a_new_one() -> None:
    driver = Driver()
    driver.run(500)
    driver.hello_of(run_id(1), ("10.1.0.9", 26379))
    driver.run(3_000)
    driver.hello_of(run_id(1), ("10.1.0.9", 26379))
    assert driver.core.my_id == run_id(1)
    driver.hello_of(run_id(1), ("10.1.0.0", 26379))
    assert driver.core.my_id == run_id(1), "one hello may have been on its way for long"
    driver.run(2_000)
    driver.hello_of(run_id(1), ("10.1.0.0", 26379))
    assert driver.core.my_id != run_id(1)
    assert f"sentinel myid {driver.core.my_id}" in driver.disk


def test_our_former_hello_is_of_nobody() -> None:
    driver = Driver()
    driver.run(500)
    driver.hello_of(run_id(9), ("10.1.0.1", 26379))
    assert not driver.primary.peers


def test_moved_sentinel_keeps_identity_and_is_asked_again() -> None:
    driver = Driver()
    driver.hello(2)
    peer = driver.primary.peers[run_id(2)]
    peer.vote, peer.vote_epoch = run_id(1), 1
    driver.hello_of(run_id(2), ("10.1.0.7", 26379))
    assert driver.primary.peers == {run_id(2): peer}
    assert (peer.address, peer.vote) == (Address("10.1.0.7", 26379), "")
    assert "+sentinel-address-switch" in driver.names()


def test_another_at_the_address_of_a_sentinel_retires_it() -> None:
    driver = Driver()
    driver.answers[b"SENTINEL MYID"] = lambda place, argv: run_id(8).encode()
    driver.hello(2)
    driver.run(500)
    assert driver.primary.peers[run_id(2)].address.port == 0
    assert "+sentinel-invalid-addr" in driver.names()
    assert driver.primary.voters == 2, "it still counts"
    assert f"sentinel known-sentinel g {PEERS[0][0]} 0 {run_id(2)}" in driver.disk


def test_sentinel_with_a_new_id_replaces_its_former_self() -> None:
    driver = Driver()
    driver.hello(2)
    driver.run(500)
    for _ in range(6):
        driver.hello_of(run_id(9), PEERS[0])
        driver.run(2000)
    assert list(driver.primary.peers) == [run_id(9)]
    assert driver.primary.voters == 2
    assert "-dup-sentinel" in driver.names()
    assert run_id(2) not in driver.disk


def test_two_sentinels_that_say_one_address_both_count() -> None:
    driver = Driver()
    for _ in range(8):
        driver.hello_of(run_id(2), PEERS[0])
        driver.run(1000)
        driver.hello_of(run_id(9), PEERS[0])
        driver.run(1000)
    assert driver.primary.voters == 3


def test_our_epoch_is_never_behind_that_of_a_configuration() -> None:
    driver = Driver()
    driver.hello(2, epoch=3, names=REPLICAS[0], config_epoch=7)
    assert driver.core.context.epoch == 7


def test_one_false_hello_cannot_use_up_the_epochs() -> None:
    driver = Driver()
    driver.hello(2, epoch=2**63 - 1, names=REPLICAS[0], config_epoch=2**63 - 1)
    assert driver.core.context.epoch == 0
    assert driver.primary.address == Address(*PRIMARY)
    assert not driver.primary.peers
