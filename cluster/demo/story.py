"""What the demo prints: a line for each thing that happens, and a table of what was promised and measured."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from garrison.cluster.demo.load import Losses

NOTES_SHOWN_MAX = 10


class Row(NamedTuple):
    """One line of the table; `holds` is None where nothing is promised."""

    what: str
    measured: str
    promised: str = ""
    holds: bool | None = None


class Story:
    """Prints one line for each thing that happens, with the time since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def tell(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.2f} s  {text}", flush=True)


def loss_rows(losses: "Losses") -> list[Row]:
    """The rows about lost writes."""
    return [
        Row(
            "keys lost of those confirmed by a replica (WAIT 1)",
            f"{losses.confirmed} of {losses.keys:,}",
            "0",
            not losses.confirmed,
        ),
        Row("keys lost of those acknowledged by the primary alone", str(losses.plain)),
    ]


def show(title: str, rows: Sequence[Row], notes: Sequence[str], losses: "Losses") -> bool:
    """Print the table; return whether all that it promises holds."""
    from rich.table import Table

    from garrison.cluster.render import make_console

    table = Table(title, "measured", "promised", "", box=None, pad_edge=False)
    for row in rows:
        verdict = "" if row.holds is None else "[green]holds[/]" if row.holds else "[red]BROKEN[/]"
        table.add_row(row.what, row.measured, row.promised, verdict)
    console = make_console()
    console.print()
    console.print(table)
    if losses.plain:
        console.print(
            "Replication is asynchronous: a write that the killed primary acknowledged in its last moment "
            "may not have reached its replica. To be sure, ask with WAIT, as for the confirmed ones."
        )
    for text in notes[:NOTES_SHOWN_MAX]:
        console.print(f"  {text}", style="red", markup=False)
    console.print()
    return all(row.holds is not False for row in rows)


def verdict(passed: bool, seconds: float) -> None:
    """The last line."""
    from garrison.cluster.render import make_console

    make_console().print(f"{'[green]passed[/]' if passed else '[red]failed[/]'} in {seconds:.1f} s")
