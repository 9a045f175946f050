"""``garrison status``: one printed screen about a cluster, a Sentinel group or a single server.

Exit code 0 when nothing is wrong, 1 when something is, 2 for wrong usage, 3 when nobody answers.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from garrison.base.command_line import run_app
from garrison.base.plain_help import PlainApp
from garrison.cluster.cli_options import LoginOptions
from garrison.cluster.option_groups import with_groups
from garrison.cluster.top.source_options import Asked, choose_source

if TYPE_CHECKING:
    from garrison.cluster.core.manager.picture import Picture
    from garrison.cluster.top.picture_sources import PictureSource

EXIT_HEALTHY = 0
EXIT_WRONG = 1
EXIT_UNREACHABLE = 3
PIPED_SIZE = (140, 10_000)
"""Columns and lines when nobody looks: nothing is left out."""

app = PlainApp()


@app.command(
    epilog="Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage, 3 nobody answers. "
    "'garrison sentinel status' says why Sentinels act or do not; 'garrison cluster check' compares the "
    "tables of all nodes."
)
@with_groups
def status(
    asked: Asked,
    login: LoginOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print the picture as one JSON document.")] = False,
    watch: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Print it again at this interval.", min=0.0, show_default=False),
    ] = 0.0,
) -> None:
    """Print nodes, slots, jobs and what is wrong."""
    try:
        code = asyncio.run(_show(choose_source(asked, login), as_json, watch))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    raise typer.Exit(code)


async def _show(source: "PictureSource", as_json: bool, watch_s: float) -> int:
    """Print once, or until Ctrl-C; the exit code of the last time."""
    from garrison.cluster.core.manager.verdict import complaints
    from garrison.cluster.top.picture_sources import SourceError

    while True:
        try:
            picture = await source.once()
            _print(source, picture, as_json)
            code = EXIT_WRONG if complaints(picture) else EXIT_HEALTHY
        except SourceError as error:
            _print_error(error, as_json)
            code = EXIT_UNREACHABLE
        if not watch_s:
            return code
        await asyncio.sleep(watch_s)


def _print(source: "PictureSource", picture: "Picture", as_json: bool) -> None:
    from garrison.cluster.top.status_text import status_lines

    if as_json:
        print(picture.model_dump_json(indent=2), flush=True)
        return
    size = shutil.get_terminal_size() if sys.stdout.isatty() else PIPED_SIZE
    # One line stays for the prompt of the shell.
    lines = status_lines(picture, source.jobs, width=size[0], height=size[1] - 1)
    print("\n".join(lines), flush=True)


def _print_error(error: Exception, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": str(error)}, indent=2), flush=True)
    else:
        print(f"garrison status: {error}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    return run_app(app, "garrison status", arguments)
