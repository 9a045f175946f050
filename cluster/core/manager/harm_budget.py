"""The budget of harm while jobs run: what a step costs is noted in the records before it begins.

So a manager that takes over knows what has been spent. A step begun again after a change of leader was paid
for, but its cost counts from then on; one tried again after a failure pays again.
"""

from garrison.cluster.core.manager import harm as prices
from garrison.cluster.core.manager.desired import Harm
from garrison.cluster.core.manager.harm import HOUR_MS
from garrison.cluster.core.manager.jobs import Records

CLOCK_SKEW_MS_MAX = 60_000
"""What was spent counts so much longer than an hour, for managers whose clocks differ."""


def spent(records: Records, unix_ms: int) -> int:
    """What has been spent within the last hour; what a faster clock has written counts too."""
    return prices.spent(records, unix_ms - CLOCK_SKEW_MS_MAX)


def why_too_much(records: Records, harm: Harm, cost: int, unix_ms: int) -> str:
    """Why what costs so much may not begin now; empty when it may."""
    if cost > harm.points_per_hour_max:
        return f"the budget: it costs {cost} points, and {harm.points_per_hour_max} an hour are allowed"
    used = spent(records, unix_ms)
    if used + cost <= harm.points_per_hour_max:
        return ""
    return (
        f"the budget: it costs {cost}, and {used} of {harm.points_per_hour_max} points of this hour are spent"
    )


def with_begun_again(records: Records, harm: Harm, cost: int, paid_ms: int, unix_ms: int) -> Records | str:
    """The records when a step that was paid for at `paid_ms` goes on now: its cost counts from now on.

    When it was paid for more than an hour ago it is paid again; a text says why that is too much.
    """
    entries = list(records.harm_spent)
    if (paid_ms, cost) in entries and paid_ms > unix_ms - HOUR_MS:
        entries.remove((paid_ms, cost))
        return with_spent(records.model_copy(update={"harm_spent": tuple(entries)}), cost, unix_ms)
    why = why_too_much(records, harm, cost, unix_ms)
    return why or with_spent(records, cost, unix_ms)


def with_spent(records: Records, cost: int, unix_ms: int) -> Records:
    """The records with this cost noted, without what is past."""
    if not cost:
        return records
    oldest_ms = unix_ms - HOUR_MS - CLOCK_SKEW_MS_MAX
    kept = tuple(entry for entry in records.harm_spent if entry[0] > oldest_ms)
    return records.model_copy(update={"harm_spent": (*kept, (unix_ms, cost))})
