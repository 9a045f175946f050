"""The name that somebody may have meant who wrote one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

NEAR_ENOUGH = 0.6
NEAR_ENOUGH_FOR_A_START = 0.8


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one, or begins most like it; empty if none is."""
    import difflib  # only for a mistake: it is not free to import

    lower, names = name.lower(), list(known)
    whole = difflib.get_close_matches(lower, names, n=1, cutoff=NEAR_ENOUGH)
    if whole:
        return whole[0]
    starts = {each[: len(lower)]: each for each in reversed(names) if len(each) > len(lower)}
    begun = difflib.get_close_matches(lower, starts, n=1, cutoff=NEAR_ENOUGH_FOR_A_START)
    return starts[begun[0]] if begun else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a refusal: ``; did you mean 'maxmemory'?``, or nothing."""
    near = nearest(name, known)
    return f"; did you mean '{near}'?" if near else ""
