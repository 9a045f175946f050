"""Faults of Sentinels."""

from __future__ import annotations

from typing import Final

from .fault import Change, Directed, Fault, Seeds

UNIT: Final = "tests/unit/sentinel/core"
GOLDEN: Final = "tests/sim/sentinel/test_golden.py::test_scenario"

SENTINELS: Final = (
    Fault(
        "sentinel-promotes-the-oldest-data",
        "Of the fit replicas the one with the smallest offset is promoted.",
        "data decides whom Sentinels promote",
        (
            Change(
                "sentinel/core/selection.py",
                "return (replica.priority, -replica.offset, replica.run_id",
                "return (replica.priority, replica.offset, replica.run_id",
            ),
        ),
        Seeds("sentinel"),
        quick=True,
    ),
    Fault(
        "sentinel-votes-twice",
        "A Sentinel gives a second vote in an epoch.",
        "one vote per Sentinel, primary and epoch",
        (
            Change(
                "sentinel/core/votes.py",
                "if primary.vote_epoch < epoch and primary.config_epoch < epoch:",
                "if primary.vote_epoch <= epoch and primary.config_epoch < epoch:",
            ),
        ),
        Seeds("sentinel"),
    ),
    Fault(
        "sentinel-elected-by-a-minority",
        "The quorum alone elects a leader.",
        "a leader has a majority and the quorum",
        (
            Change(
                "sentinel/core/votes.py",
                "max(primary.majority, primary.monitor.quorum)",
                "primary.monitor.quorum",
            ),
        ),
        Seeds("sentinel"),
        quick=True,
    ),
    Fault(
        "sentinel-sends-old-orders-late",
        "What a full disk has held back is sent once there is room again.",
        "14: an order that could not be promised is void",
        (
            Change(
                "sentinel/core/effects.py",
                "void = [action for action in self.wire if isinstance(action, Send) and action.promises]",
                "void: list[Send] = []",
            ),
            Change(
                "sentinel/core/effects.py",
                "self.persist, self.wire, self.replies = None, [], []",
                "self.persist, self.replies = None, []\n"
                "        self.wire = [a for a in self.wire if isinstance(a, Send) and a.promises]",
            ),
        ),
        Directed(f"{GOLDEN}[full_disk_old_order]"),
        quick=True,
    ),
    Fault(
        "sentinel-believes-an-empty-primary",
        "What replicas say of the data of their primary does not count.",
        "16: replicas are witnesses of lost data",
        (
            Change(
                "sentinel/core/lost_data.py",
                "self._found(primary, is_lost=against > others)",
                "self._found(primary, is_lost=False)",
            ),
        ),
        Directed(f"{GOLDEN}[empty_primary_young_data]"),
        quick=True,
    ),
)
