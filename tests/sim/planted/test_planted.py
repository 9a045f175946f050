"""The planted faults still apply to the code of today, and the quick ones are caught."""

from __future__ import annotations

import pytest

from .fault import Change, Fault, RottenFaultError
from .faults import FAULTS
from .run import plant
from .tree import ROOT

QUICK_SEEDS = 20


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_text_of_the_fault_is_there_exactly_once(fault: Fault) -> None:
    assert fault.changes
    for change in fault.changes:
        text = (ROOT / change.file).read_text()
        assert change.apply(text) != text


@pytest.mark.parametrize("old", ["gone", "twice"])
def test_fault_whose_text_is_not_unique_is_refused(old: str) -> None:
    with pytest.raises(RottenFaultError, match="write the fault for the new code"):
        Change("f", old, "new").apply("twice and twice")


def test_names_of_faults_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=lambda fault: fault.name)
def test_quick_fault_is_caught(fault: Fault) -> None:
    outcome = plant(fault, QUICK_SEEDS)
    assert outcome.caught, outcome.said
