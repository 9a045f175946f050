"""``garrison doctor``: the words of its command line.

Exit codes: 0 nothing dangerous, 1 findings of severity error, 2 wrong usage, 3 the entry does not answer or
refuses the login.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from garrison.base.command_line import run_app
from garrison.base.plain_help import PlainApp
from garrison.cluster.cli_options import SharedOptions, parse_address
from garrison.cluster.cli_running import make_session, run
from garrison.cluster.option_groups import with_groups

if TYPE_CHECKING:
    from garrison.cluster.core.topology import Address
    from garrison.cluster.doctor.doctor_report import DoctorDocument
    from garrison.cluster.manager.admin_client import Access

app = PlainApp()


@dataclass(frozen=True)
class DoctorOptions(SharedOptions):
    """Those of ``garrison cluster``, but a doctor that waits for nothing reads nothing."""

    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for a node.", min=0.1)
    ] = 5.0


class LeastSeverity(StrEnum):
    """What is told: this severity and those above it."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@app.command(epilog="Exit codes: 0 nothing dangerous, 1 errors found, 2 wrong usage, 3 unreachable.")
@with_groups
def doctor(
    context: typer.Context,
    entry: Annotated[
        str,
        typer.Argument(
            metavar="HOST:PORT",
            help="Any node or Sentinel; also a port of this machine, or redis://...",
            show_default=False,
        ),
    ],
    min_severity: Annotated[
        LeastSeverity,
        typer.Option(metavar="error|warning|note", help="Tell only findings of this severity or above."),
    ] = LeastSeverity.NOTE,
    deep: Annotated[
        bool, typer.Option("--deep", help="Look at a sample of the keys too (SCAN, at most 2,000 a primary).")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="List what was not looked at.")] = False,
    *,
    options: DoctorOptions,
) -> None:
    """Say in order of danger what is wrong or unwise with a cluster, a group of Sentinels or a node."""
    context.obj = options.read()
    from garrison.cluster.doctor.doctor_report import print_report

    session = make_session(context)
    work = examined(parse_address(entry), session.access, min_severity, deep=deep, verbose=verbose)
    run(context, work, print_report)


async def examined(
    entry: Address, access: Access, min_severity: LeastSeverity, *, deep: bool = False, verbose: bool = False
) -> DoctorDocument:
    """Read a deployment and examine it. Raises ManagerError where the entry does not answer."""
    import garrison
    from garrison.cluster.core.doctor.examine import examine_fully
    from garrison.cluster.doctor.doctor_report import describe
    from garrison.cluster.doctor.gathering import Gatherer

    readings = await Gatherer(access, deep=deep, version=garrison.__version__).gather(entry)
    examinations = [(reading, examine_fully(reading)) for reading in readings]
    return describe(examinations, min_severity.value, verbose=verbose)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    return run_app(app, "garrison doctor", arguments)


if __name__ == "__main__":
    sys.exit(main())
