"""The desired state as a document."""

import pytest
from pydantic import ValidationError

from garrison.cluster.core.manager.desired import DesiredState


def test_new_installation_only_plans() -> None:
    assert DesiredState().mode == "dry-run"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"shard": 3}, ("shard",)),
        ({"limits": {"memory_percent_max": 0}}, ("limits", "memory_percent_max")),
        ({"windows": [{"timezone": "Mars/Olympus"}]}, ("windows", 0, "timezone")),
        ({"nodes": {"10.0.0.1:7001": {"weight": -1}}}, ("nodes", "10.0.0.1:7001", "weight")),
    ],
)
def test_refusal_names_the_path(document: dict[str, object], path: tuple[object, ...]) -> None:
    with pytest.raises(ValidationError) as refusal:
        DesiredState.model_validate(document)
    assert [error["loc"] for error in refusal.value.errors()] == [path]
