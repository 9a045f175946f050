"""The step `verify`: the picture agrees with what the plan expects."""

import time

from garrison.cluster.core.manager.expectations import unmet
from garrison.cluster.daemon.step_context import StepContext, UnsureError
from garrison.cluster.errors import ManagerError

VERIFY_TIMEOUT_S = 30.0
"""How long gossip and the next pictures may take to show what was done."""


async def verify(context: StepContext) -> None:
    """Wait until a picture that is newer than the step shows what is expected."""
    began_ms = context.picture().at_ms
    deadline = time.monotonic() + VERIFY_TIMEOUT_S
    found = ["no new picture was made"]
    while time.monotonic() < deadline:
        context.demand_going_on()
        picture = context.picture()
        if picture.at_ms > began_ms:
            try:
                found = unmet(context.word("expect"), picture)
            except ValueError as error:
                raise UnsureError(f"`expect` cannot be read: {error}") from error
            if not found:
                return
        await context.pause()
    raise ManagerError(f"after {VERIFY_TIMEOUT_S:.0f} s {'; '.join(found[:3])}")
