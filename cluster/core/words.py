"""Numbers and lists as words: what findings, plans and explanations are put together from."""

from collections.abc import Sequence


def listed(names: Sequence[str], names_max: int = 6) -> str:
    """Some names with commas, and how many more there are."""
    hidden = len(names) - names_max
    return ", ".join(names[:names_max]) + (f" and {hidden} more" if hidden > 0 else "")


def counted(count: float, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "replica"), counted(3, "replica")
    ('1 replica', '3 replicas')
    """
    return f"{count:.0f} {noun}" if count == 1 else f"{count:.0f} {noun}s"
