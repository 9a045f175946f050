"""What a planted fault is, and what is to catch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SEEDS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Seeds:
    """Caught by a simulator: some seed of `simulator` ("cluster", "sentinel" or "manager") of a `kind`
    fails.
    """

    simulator: str
    kind: str = "chaos"
    first: int = 1

    def __str__(self) -> str:
        return f"{self.simulator} simulator, {self.kind}"


@dataclass(frozen=True, slots=True)
class Directed:
    """Caught by a directed test or a golden scenario: the pytest item fails."""

    test: str

    def __str__(self) -> str:
        return self.test.removeprefix("tests/")


@dataclass(frozen=True, slots=True)
class Rust:
    """Caught by a test of the engine: `cargo test` with this name fails."""

    test: str

    def __str__(self) -> str:
        return f"engine: {self.test}"


@dataclass(frozen=True, slots=True)
class Change:
    """A text of a file and what stands in its place. The text must be there exactly once."""

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """The text of the file with the fault. Raises RottenFaultError if the old text is not unique."""
        found = text.count(self.old)
        if found != 1:
            raise RottenFaultError(
                f"{self.file} has {found} times, not once, the text that the fault replaces: {self.old!r}. "
                "The code has changed: write the fault for the new code"
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault."""

    name: str
    title: str
    rule: str
    """What it breaks: a number of the list of lost data in `docs/architecture.md`, or a rule in words."""
    changes: tuple[Change, ...]
    by: Seeds | Directed | Rust
    quick: bool = False
    """Whether it is caught so soon that `make test` shows it."""


class RottenFaultError(Exception):
    """The code that a fault changes is no longer there."""
