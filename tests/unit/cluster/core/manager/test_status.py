"""What clients may send."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from garrison.cluster.core.manager.status import MOVES_MAX, KeySearch, ReshardRequest


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"moves": []},
        {"moves": [{"source": "a", "target": "b", "slots": "1"}] * (MOVES_MAX + 1)},
        {"moves": [{"source": "", "target": "b", "slots": "1"}]},
        {"moves": [], "more": 1},
    ],
)
def test_reshard_is_bounded(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReshardRequest.model_validate(document)


def test_search_knows_two_words() -> None:
    with pytest.raises(ValidationError):
        KeySearch.model_validate({"node": "a", "what": "small"})
