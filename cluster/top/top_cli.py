"""``garrison top``: the live picture in a terminal."""

import asyncio
import sys
from collections.abc import Sequence

import typer

from garrison.base.command_line import run_app
from garrison.base.plain_help import PlainApp
from garrison.cluster.cli_options import LoginOptions
from garrison.cluster.option_groups import with_groups
from garrison.cluster.top.source_options import Asked, choose_source

app = PlainApp()


@app.command()
@with_groups
def top(
    asked: Asked,
    login: LoginOptions,
) -> None:
    """Show nodes, slots, jobs and events live, by keyboard; '?' lists the keys, 'q' leaves."""
    source = choose_source(asked, login)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("garrison top: it needs a terminal; 'garrison status' prints one screen", file=sys.stderr)
        raise typer.Exit(2)
    from garrison.cluster.top.top_app import TopApp

    asyncio.run(TopApp(source).run_async())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    return run_app(app, "garrison top", arguments)
