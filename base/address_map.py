"""The option ``--address-map``, as the function or the table that a command makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import typer

from garrison.base.endpoint import parse_address_map

T = TypeVar("T")


def read_address_map(pairs: Iterable[str] | None, make: Callable[[dict[str, str]], T]) -> T:
    """What `make` makes of the option's words. Raises typer.BadParameter, also where `make` refuses them."""
    try:
        return make(parse_address_map(pairs or []))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--address-map") from error
