"""The option is read once for all commands that have it."""

from __future__ import annotations

import pytest
import typer

from garrison.base.address_map import read_address_map
from garrison.client.nodes import translator


def test_words_become_what_the_command_needs() -> None:
    assert read_address_map(["a:1=b:2,c=d"], dict) == {"a:1": "b:2", "c": "d"}
    assert read_address_map(None, dict) == {}


@pytest.mark.parametrize("pair", ["a:1", "a:99999=b:1"])
def test_bad_pair_is_wrong_usage_of_the_option(pair: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        read_address_map([pair], translator)
    assert refused.value.param_hint == "--address-map"
