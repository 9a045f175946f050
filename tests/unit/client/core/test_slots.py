"""Slots: against crcmod, against a bit-by-bit model, and the rules of hash tags."""

from __future__ import annotations

import crcmod.predefined
from hypothesis import given
from hypothesis import strategies as st

from garrison.client.core.slots import SLOT_COUNT, group_by_slot, hash_tag, key_slot

_crcmod_xmodem = crcmod.predefined.mkCrcFun("xmodem")


def naive_crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc


@given(st.binary().filter(lambda key: b"{" not in key))
def test_a_slot_is_crc16_xmodem_modulo_16384(key: bytes) -> None:
    assert key_slot(key) == _crcmod_xmodem(key) % SLOT_COUNT == naive_crc16(key) % SLOT_COUNT


@given(st.text(), st.binary(min_size=1).filter(lambda tag: b"}" not in tag), st.binary())
def test_keys_with_one_tag_share_its_slot(before: str, tag: bytes, after: bytes) -> None:
    key = before.replace("{", "").encode() + b"{" + tag + b"}" + after
    assert hash_tag(key) == tag


def test_the_corner_cases_of_hash_tags() -> None:
    assert hash_tag(b"foo{}{bar}") == b"foo{}{bar}"
    assert hash_tag(b"foo{{bar}}zap") == b"{bar"
    assert hash_tag(b"foo{bar}{zap}") == b"bar"
    assert hash_tag(b"foo{bar") == b"foo{bar"
    assert hash_tag(b"}{a}") == b"a"


def test_known_slots() -> None:
    assert (key_slot(b"123456789"), key_slot("foo"), key_slot("")) == (0x31C3, 12182, 0)


@given(st.lists(st.binary(max_size=3)))
def test_grouping_keeps_every_position_once(keys: list[bytes]) -> None:
    groups = group_by_slot(keys)
    assert sorted(position for positions in groups.values() for position in positions) == list(
        range(len(keys))
    )
    for slot, positions in groups.items():
        assert {key_slot(keys[position]) for position in positions} == {slot}
        assert positions == sorted(positions)
