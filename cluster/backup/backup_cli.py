"""``garrison backup``: the words of its command line.

Exit codes: 0 done, 1 failed or damaged, 2 wrong usage, 3 a node that is needed does not answer or refuses the
login, 4 stopped by Ctrl-C.
"""

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from garrison.base.command_line import run_app
from garrison.base.plain_help import PlainApp
from garrison.cluster.cli import shared_options
from garrison.cluster.cli_options import DryRun, parse_address
from garrison.cluster.cli_running import fail, make_session, run

if TYPE_CHECKING:
    from garrison.cluster.backup.target import Target


class BackupGroup(TyperGroup):
    """Takes the options of every command anywhere in the line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        of_commands = [name for command in self.commands.values() for name in _with_value(command.params)]
        return super().parse_args(ctx, shared_first(args, self.params, of_commands))


def shared_first(words: Sequence[str], shared: Sequence[Any], others_with_value: Sequence[str]) -> list[str]:
    """The words, with the shared options and their values in front."""
    with_value = _with_value(shared)
    flags = [name for param in shared if param.param_type_name == "option" for name in param.opts]
    front: list[str] = []
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, equals, _ = word.partition("=")
        goal = front if name in flags else rest
        goal.append(word)
        if name in [*with_value, *others_with_value] and not equals and queue:
            goal.append(queue.pop(0))
    return front + rest


def _with_value(params: Sequence[Any]) -> list[str]:
    return [
        name
        for param in params
        if param.param_type_name == "option" and not param.is_flag
        for name in param.opts
    ]


app = PlainApp(
    name="backup",
    cls=BackupGroup,
    help="Back up a cluster or a node over its replication protocol, verify backups by loading them, "
    "and restore them into a cluster of another shape.",
    epilog="Exit codes: 0 done, 1 failed or damaged, 2 wrong usage, 3 unreachable, 4 stopped.",
    no_args_is_help=True,
)
app.callback()(shared_options)

Place = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="Where backups are: a folder, or s3://bucket/prefix.", show_default=False
    ),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="Its id, the start of one, or 'latest' for the newest.", show_default=False
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="URL", help="The address of an S3 server that is not Amazon's."),
]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help="The region of the bucket.")]
Temporary = Annotated[
    Path | None,
    typer.Option(
        "--temporary",
        metavar="FOLDER",
        help="Where files are while a node loads them: room for the largest shard.",
    ),
]


@app.command()
def create(
    context: typer.Context,
    target: Place,
    source: Annotated[
        str, typer.Option("--from", metavar="HOST:PORT", help="Any node of the cluster, or a node alone.")
    ],
    incremental: Annotated[
        bool,
        typer.Option("--incremental", help="Take only what came since the last backup, where that works."),
    ] = False,
    follow: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="SPAN", help="With --incremental, follow the changes for so long, as 1h."
        ),
    ] = None,
    endpoint: Endpoint = None,
    region: Region = None,
) -> None:
    """Back up all primaries of a cluster, or one node; nothing is needed on their disks."""
    from garrison.cluster.backup import backup_commands as commands

    if follow and not incremental:
        raise typer.BadParameter("is for --incremental: a full backup is of one moment", param_hint="--for")
    place = _target(context, target, endpoint, region)
    follow_s = _span(follow, "--for").total_seconds() if follow else 0.0
    creation = commands.create(
        make_session(context), place, parse_address(source), incremental=incremental, follow_s=follow_s
    )
    _run(context, creation)


@app.command("list")
def list_backups(
    context: typer.Context, target: Place, endpoint: Endpoint = None, region: Region = None
) -> None:
    """List the backups, oldest first."""
    from garrison.cluster.backup import backup_commands as commands

    _run(context, commands.list_backups(make_session(context), _target(context, target, endpoint, region)))


@app.command()
def verify(
    context: typer.Context,
    target: Place,
    backup: Name,
    temporary: Temporary = None,
    endpoint: Endpoint = None,
    region: Region = None,
) -> None:
    """Read every byte of a backup, load it into a node on this machine, and count the keys."""
    from garrison.cluster.backup import backup_commands as commands

    _run(
        context,
        commands.verify(make_session(context), _target(context, target, endpoint, region), backup, temporary),
    )


@app.command()
def restore(
    context: typer.Context,
    target: Place,
    backup: Name,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Any node of the cluster that gets the keys, or a node alone."
        ),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="FOLDER", help="Write the files for a node to start with instead."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The data of this time, as 2026-11-29T17:03:07Z."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Into one that has keys: overwrite those of the same name, leave others."
        ),
    ] = False,
    temporary: Temporary = None,
    endpoint: Endpoint = None,
    region: Region = None,
) -> None:
    """Send the keys of a backup to whoever owns their slots now, or write its files into a folder."""
    from garrison.cluster.backup import backup_commands as commands
    from garrison.cluster.backup.core.moments import parse_moment

    if (to is None) == (directory is None):
        raise typer.BadParameter("say where to: --to HOST:PORT for keys, or --dir FOLDER for files")
    try:
        moment = parse_moment(until) if until else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    request = commands.RestoreRequest(
        backup, parse_address(to) if to else None, directory, moment, replace, temporary
    )
    _run(
        context, commands.restore(make_session(context), _target(context, target, endpoint, region), request)
    )


@app.command()
def prune(
    context: typer.Context,
    target: Place,
    keep: Annotated[int | None, typer.Option(metavar="COUNT", help="Keep the newest so many.", min=1)] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Remove only what is older, as 30d or 12h.")
    ] = None,
    dry_run: DryRun = False,
    endpoint: Endpoint = None,
    region: Region = None,
) -> None:
    """Remove old backups, never one that a newer one needs, and what killed runs have left."""
    from garrison.cluster.backup import backup_commands as commands

    if keep is None and older_than is None:
        raise typer.BadParameter("say what may go: --keep COUNT, --older-than SPAN, or both")
    span = _span(older_than, "--older-than") if older_than else None
    session = make_session(context, dry_run=dry_run)
    _run(
        context,
        commands.prune(session, _target(context, target, endpoint, region), keep=keep, older_than=span),
    )


def _span(text: str, option: str) -> timedelta:
    from garrison.cluster.backup.core.moments import parse_span

    try:
        return parse_span(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _target(context: typer.Context, text: str, endpoint: str | None, region: str | None) -> "Target":
    from garrison.cluster.backup.s3_target import SCHEME, BucketTarget
    from garrison.cluster.backup.target import FolderTarget
    from garrison.cluster.errors import UsageProblem

    try:
        if text.startswith(SCHEME):
            return BucketTarget(text, endpoint, region)
    except UsageProblem as error:
        fail(context, str(error), error.exit_code)
    if endpoint or region:
        raise typer.BadParameter(f"is for {SCHEME}bucket/prefix, not for a folder", param_hint="--endpoint")
    return FolderTarget(Path(text))


def _run(context: typer.Context, work: Any) -> None:
    from garrison.cluster.backup.backup_documents import render_report

    run(context, work, render_report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    return run_app(app, "garrison backup", arguments)


if __name__ == "__main__":
    sys.exit(main())
