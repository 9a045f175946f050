"""What persons ask."""

from typing import get_args

from garrison.cluster.core.manager.requests import Asked, Request


def test_every_request_says_who_asks_and_has_a_ticket() -> None:
    kinds = get_args(Request)
    assert len(kinds) == 9
    for kind in kinds:
        assert issubclass(kind, Asked)
        assert list(kind.__dataclass_fields__)[:2] == ["by", "ticket"]
