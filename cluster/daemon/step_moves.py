"""The step `move-slots`."""

from garrison.cluster.core.ranges import parse_ranges, to_slots
from garrison.cluster.core.reshard_plan import Move, ReshardPlan
from garrison.cluster.daemon.step_context import StepContext, UnsureError, find_member
from garrison.cluster.errors import UsageProblem
from garrison.cluster.manager import reshard


async def move_slots(context: StepContext) -> None:
    """Give the slots that their target does not own yet to it; slots left open before are finished first.

    After a failover of source or target their successors count.
    """
    source, target = context.word("source"), context.word("target")
    try:
        slots = tuple(to_slots(parse_ranges(context.word("slots"))))
    except ValueError as error:
        raise UnsureError(str(error)) from error
    async with context.admin() as admin:
        state = await admin.cluster_state()
        node = find_member(state, target)
        owned = state.slots_of.get(node.id, frozenset())
        if owned.issuperset(slots) and not state.open_slots:
            return
    context.demand_going_on()
    plan = ReshardPlan.of([Move(source, node.id, slots)])
    try:
        await reshard.resume(context.session, context.entry, plan)
    except UsageProblem as error:
        raise UnsureError(str(error)) from error
