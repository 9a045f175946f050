"""``garrison cluster functions``: libraries of functions on all primaries."""

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from garrison.base.plain_help import PlainApp
from garrison.cluster.cli_options import DryRun, Entry, parse_address
from garrison.cluster.cli_running import make_session, run

if TYPE_CHECKING:
    from garrison.cluster.documents import Document

functions_app = PlainApp(
    name="functions",
    help="Libraries of functions: put them on all primaries, see where they differ, list them.",
    epilog="Exit codes: 0 done and no difference, 1 failed or different, 2 wrong usage, 3 unreachable.",
    no_args_is_help=True,
)
PATHS_HELP = "Sources of libraries, or folders of them."


@functions_app.command()
def push(
    context: typer.Context,
    entry: Entry,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help=PATHS_HELP, show_default=False)],
    dry_run: DryRun = False,
) -> None:
    """Load libraries at every primary, in the place of those of the same names."""
    from garrison.cluster.manager import functions

    _run(context, functions.push(make_session(context, dry_run=dry_run), parse_address(entry), paths))


@functions_app.command()
def diff(
    context: typer.Context,
    entry: Entry,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help=PATHS_HELP, show_default=False)
    ] = None,
) -> None:
    """Compare primaries with each other, and with files. Exit code 1 if something differs."""
    from garrison.cluster.manager import functions

    _run(context, functions.diff(make_session(context), parse_address(entry), paths or []))


@functions_app.command("list")
def list_libraries(context: typer.Context, entry: Entry) -> None:
    """List the libraries with the nodes that have them."""
    from garrison.cluster.manager import functions

    _run(context, functions.list_(make_session(context), parse_address(entry)))


def _run(context: typer.Context, work: "Coroutine[Any, Any, Document]") -> None:
    from garrison.cluster.render_functions import render_functions

    run(context, work, render_functions)
