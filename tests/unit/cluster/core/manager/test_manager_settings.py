"""Every limit of a manager has a bound."""

import pytest
from pydantic import ValidationError

from garrison.cluster.core.manager.manager_settings import ManagerSettings


def test_defaults_are_those_of_the_docs() -> None:
    settings = ManagerSettings(id="m")
    assert (settings.lease_ms, settings.records_bytes_max) == (9_000, 512 * 1024)


@pytest.mark.parametrize(
    "wrong", [{"id": ""}, {"lease_ms": 0}, {"clock_drift_percent_max": 50}, {"keeping": "memory"}]
)
def test_limits_without_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ManagerSettings.model_validate({"id": "m"} | wrong)
