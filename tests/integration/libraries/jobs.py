"""Functions that workers of the queue libraries import by their names."""

from __future__ import annotations

attempts: list[int] = []


def double(number: int) -> int:
    return 2 * number


def fail_once() -> str:
    attempts.append(len(attempts))
    if len(attempts) == 1:
        raise RuntimeError("the first attempt fails")
    return "done"
