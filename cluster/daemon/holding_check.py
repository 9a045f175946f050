"""Refuse a desired state that cannot hold, with the place of each fault."""

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.picture import Picture


def demand_can_hold(desired: DesiredState, picture: Picture) -> None:
    """Replaced when the planner is merged."""
