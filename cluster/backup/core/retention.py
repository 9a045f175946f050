"""Which backups may be removed.

INVARIANTS. What stays can be restored: a backup that one of those needs stays too. The newest always stays,
so that no rule leaves nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from garrison.cluster.backup.core.chain import needed_by
from garrison.cluster.backup.core.record import BackupRecord, time_of_id

UNFINISHED_AGE = timedelta(days=1)
"""A folder that was begun longer ago and is not finished was left by a run that was killed."""


def choose_removed(
    records: Mapping[str, BackupRecord],
    now: datetime,
    *,
    keep: int | None = None,
    older_than: timedelta | None = None,
) -> list[str]:
    """The backups to remove, oldest first: those beyond ``keep``, or ``older_than`` a span, or if both are
    given those for which both hold."""
    oldest_first = sorted(records.values(), key=lambda record: (record.reaches, record.id))
    kept: set[str] = set()
    for place, record in enumerate(reversed(oldest_first)):
        beyond = keep is not None and place >= keep
        old = older_than is not None and now - record.reaches > older_than
        rules = [rule for rule, given in ((beyond, keep), (old, older_than)) if given is not None]
        if place == 0 or not rules or not all(rules):
            kept |= needed_by(record, records)
    return [record.id for record in oldest_first if record.id not in kept]


def choose_abandoned(unfinished: Sequence[str], now: datetime) -> list[str]:
    """The unfinished folders that nobody can be writing to any more."""
    times = [(name, time_of_id(name)) for name in unfinished]
    return [name for name, began in times if began is not None and now - began > UNFINISHED_AGE]
