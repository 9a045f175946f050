"""``garrison cluster``: the admin command line.

Exit codes: 0 done (for check: healthy), 1 failed or problems found, 2 wrong usage, 3 a node that is needed
does not answer or refuses the login, 4 stopped by Ctrl-C with work left.

This module defines the words of the command line only. What they do is in
:mod:`garrison.cluster.manager.commands`, imported when a command runs, so that ``--help`` is quick.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from garrison.base.endpoint import split_list
from garrison.base.login_options import (
    find_password,
)
from garrison.base.plain_help import PlainApp
from garrison.cluster.admin_group import AdminGroup
from garrison.cluster.cli_options import (
    MIGRATE_TIMEOUT_MS,
    PIPELINE_KEYS,
    DryRun,
    Entry,
    MigrateTimeout,
    Pipeline,
    Replace,
    SavePlan,
    SharedOptions,
    Yes,
    parse_address,
    parse_weight,
)
from garrison.cluster.cli_running import fail, make_session, run
from garrison.cluster.functions_cli import functions_app
from garrison.cluster.option_groups import with_groups

if TYPE_CHECKING:
    from garrison.cluster.core.reshard_plan import ReshardPlan
    from garrison.cluster.documents import Document

T = TypeVar("T", int, str)

app = PlainApp(
    name="cluster",
    cls=AdminGroup,
    help="Create, check, grow, shrink and reshard a cluster. Any node's address stands for the whole "
    "cluster. The options of 'redis-cli --cluster' are accepted as well.",
    epilog="Exit codes: 0 done, 1 failed or problems found, 2 wrong usage, 3 unreachable, 4 stopped.",
    no_args_is_help=True,
)


@app.callback()
@with_groups
def shared_options(
    context: typer.Context,
    options: SharedOptions,
    no_auth_warning: Annotated[bool, typer.Option("--no-auth-warning", hidden=True)] = False,
) -> None:
    context.obj = options.read()


@app.command()
def create(
    context: typer.Context,
    nodes: Annotated[list[str], typer.Argument(metavar="HOST:PORT", help="Empty nodes.", show_default=False)],
    replicas: Annotated[int, typer.Option(metavar="COUNT", help="Replicas of each primary.", min=0)] = 0,
    wait: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="How long to wait for nodes that do not answer yet.", min=0),
    ] = 0,
    unless_formed: Annotated[
        bool, typer.Option("--unless-formed", help="Do nothing if the nodes form one cluster already.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Form a cluster from empty nodes, replicas on other hosts than their primary; wait until it serves."""
    from garrison.cluster.manager import commands

    session = make_session(context, yes=yes, dry_run=dry_run)
    addresses = [parse_address(node) for node in nodes]
    creation = commands.create(session, addresses, replicas, wait_s=wait, unless_formed=unless_formed)
    run(context, creation)


@app.command()
def info(context: typer.Context, entry: Entry) -> None:
    """Show the nodes with their slots and keys."""
    from garrison.cluster.manager import commands

    run(context, commands.info(make_session(context), parse_address(entry)))


@app.command()
def picture(context: typer.Context, entry: Entry) -> None:
    """Print slots, shards, replicas and zones as an SVG: garrison cluster picture 7000 > cluster.svg"""
    import asyncio

    from garrison.cluster.top.node_source import NodeSource
    from garrison.cluster.top.picture_sources import SourceError

    source = NodeSource(parse_address(entry), make_session(context).access)
    try:
        drawn = asyncio.run(source.once())
    except SourceError as error:
        fail(context, str(error), 3)
    print(drawn.model_dump_json(indent=2) if context.obj.json else drawn._repr_svg_())


@app.command()
def check(
    context: typer.Context,
    entry: Entry,
    search_multiple_owners: Annotated[
        bool, typer.Option("--search-multiple-owners", hidden=True, help="Always done.")
    ] = True,
    fix_too: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired.")] = False,
) -> None:
    """Ask every node and report what is wrong, with what to do. Exit code 1 if something is."""
    from garrison.cluster.manager import commands
    from garrison.cluster.manager import reshard as resharding

    session, address = make_session(context), parse_address(entry)

    async def fix_and_check() -> "Document":
        if fix_too:
            await resharding.fix(session, address)
        return await commands.check(session, address)

    run(context, fix_and_check())


@app.command()
def fix(
    context: typer.Context,
    entry: Entry,
    with_unreachable: Annotated[
        bool, typer.Option("--with-unreachable", help="Give away slots of primaries that do not answer.")
    ] = False,
    search_multiple_owners: Annotated[bool, typer.Option("--search-multiple-owners", hidden=True)] = True,
    replace: Replace = False,
    dry_run: DryRun = False,
) -> None:
    """Finish moves that were broken off and give slots without owner to a primary."""
    from garrison.cluster.manager import reshard as resharding

    session = make_session(context, dry_run=dry_run, replace=replace)
    run(context, resharding.fix(session, parse_address(entry), with_unreachable=with_unreachable))


@app.command()
def reshard(
    context: typer.Context,
    entry: Entry,
    to: Annotated[
        str | None, typer.Option(metavar="NODE", help="Primary that gets the slots: address or id.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="NODE,...", help="Primaries that give them, comma between; 'all'."),
    ] = None,
    slots: Annotated[int | None, typer.Option(metavar="COUNT", help="How many.", min=1)] = None,
    ranges: Annotated[
        str | None, typer.Option(metavar="RANGES", help="Which instead of how many, as 0-99,205.")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Carry out what is left of a stored plan; no --to, no --slots."),
    ] = None,
    save_plan: SavePlan = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    migrate_timeout: MigrateTimeout = MIGRATE_TIMEOUT_MS,
    pipeline: Pipeline = PIPELINE_KEYS,
    replace: Replace = False,
) -> None:
    """Move slots to one primary while clients use them. Finishes first what a stopped run left."""
    from garrison.cluster.manager import reshard as resharding

    options: dict[str, Any] = {
        "dry_run": dry_run,
        "replace": replace,
        "timeout_ms": migrate_timeout,
        "keys_max": pipeline,
    }
    if plan is not None:
        if to or source or slots is not None or ranges is not None or save_plan:
            raise typer.BadParameter(
                "says already what moves; leave --to, --from, --slots, --ranges out", param_hint="--plan"
            )
        session = make_session(context, yes=yes, plan_file=plan, **options)
        run(context, resharding.resume(session, parse_address(entry), _read_plan(context, plan)))
    if slots is None and ranges is None:
        slots = _ask("How many slots should move?", "--slots", int)
    target = to or _ask("Which primary gets them (address or id)?", "--to", str)
    named = split_list(source or [])
    sources = () if "all" in named else tuple(named)
    session = make_session(context, yes=yes, plan_file=save_plan, **options)
    request = resharding.ReshardRequest(target, slots, ranges, sources)
    run(context, resharding.reshard(session, parse_address(entry), request))


@app.command()
def rebalance(
    context: typer.Context,
    entry: Entry,
    weight: Annotated[
        list[str] | None, typer.Option(metavar="NODE=W...", help="Weight of a primary; 0 empties it.")
    ] = None,
    use_empty: Annotated[
        bool, typer.Option("--use-empty", help="Give slots to primaries without any too.")
    ] = False,
    save_plan: SavePlan = None,
    threshold: Annotated[
        float,
        typer.Option(metavar="PERCENT", help="How far off its goal a primary may be.", min=0),
    ] = 2.0,
    yes: Yes = False,
    dry_run: DryRun = False,
    migrate_timeout: MigrateTimeout = MIGRATE_TIMEOUT_MS,
    pipeline: Pipeline = PIPELINE_KEYS,
    replace: Replace = False,
) -> None:
    """Share the slots by weight with the fewest moves."""
    from garrison.cluster.manager import reshard as resharding

    session = make_session(
        context,
        yes=yes,
        dry_run=dry_run,
        replace=replace,
        timeout_ms=migrate_timeout,
        keys_max=pipeline,
        plan_file=save_plan,
    )
    weights = dict(map(parse_weight, weight or []))
    request = resharding.rebalance(
        session, parse_address(entry), weights, use_empty=use_empty, threshold_percent=threshold, ask=True
    )
    run(context, request)


@app.command("add-node")
def add_node(
    context: typer.Context,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Address of the empty node.", show_default=False)],
    entry: Entry,
    replica: Annotated[
        bool, typer.Option("--replica", help="As a replica of whoever has the fewest.")
    ] = False,
    primary: Annotated[
        str | None, typer.Option(metavar="NODE", help="As a replica of this primary: address or id.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Let an empty node join, as a primary without slots or as a replica."""
    from garrison.cluster.manager import commands

    session = make_session(context, dry_run=dry_run)
    run(
        context,
        commands.add_node(
            session, parse_address(new), parse_address(entry), replica=replica, primary=primary
        ),
    )


@app.command("del-node")
def del_node(
    context: typer.Context,
    entry: Entry,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Address or id.", show_default=False)],
    drain: Annotated[bool, typer.Option("--drain", help="Move its slots to the others first.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Take a node out: its replicas go elsewhere, every other node forgets it, it is reset."""
    from garrison.cluster.manager import commands

    session = make_session(context, dry_run=dry_run)
    run(context, commands.del_node(session, parse_address(entry), node, drain=drain))


@app.command(context_settings={"ignore_unknown_options": True})
def call(
    context: typer.Context,
    entry: Entry,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="Its words.", show_default=False)],
    only_primaries: Annotated[bool, typer.Option("--only-primaries", help="Not to replicas.")] = False,
    only_replicas: Annotated[bool, typer.Option("--only-replicas", help="Not to primaries.")] = False,
) -> None:
    """Send one command to every node."""
    from garrison.cluster.manager import commands

    run(
        context,
        commands.call(
            make_session(context),
            parse_address(entry),
            command,
            primaries=not only_replicas,
            replicas=not only_primaries,
        ),
    )


@app.command("set-timeout")
def set_timeout(
    context: typer.Context,
    entry: Entry,
    milliseconds: Annotated[
        int, typer.Argument(metavar="MILLISECONDS", help="The new value.", show_default=False)
    ],
) -> None:
    """Set cluster-node-timeout on every node and write it to their files."""
    from garrison.cluster.manager import commands

    run(context, commands.set_timeout(make_session(context), parse_address(entry), milliseconds))


@app.command("import")
def import_keys(
    context: typer.Context,
    entry: Entry,
    source: Annotated[
        str,
        typer.Option("--from", metavar="HOST:PORT", help="Standalone server to take the keys from."),
    ],
    from_user: Annotated[str | None, typer.Option(metavar="NAME", help="User name on that server.")] = None,
    from_pass: Annotated[
        str | None, typer.Option(metavar="PASSWORD", help="Password on that server.")
    ] = None,
    from_password_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File whose first line is that password.")
    ] = None,
    from_askpass: Annotated[bool, typer.Option("--from-askpass", help="Ask for that password.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="Leave the keys on that server too.")] = False,
    replace: Replace = False,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Leave keys there that the cluster has with another value."),
    ] = False,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Leave keys there that the cluster does not take.")
    ] = False,
    skip_types: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE,...", help="Leave keys of these types there, comma between."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the keys by type and do nothing.")
    ] = False,
    migrate_timeout: MigrateTimeout = MIGRATE_TIMEOUT_MS,
) -> None:
    """Bring the keys of a standalone server into the cluster; can be repeated."""
    from garrison.cluster.manager import commands
    from garrison.cluster.manager.admin_client import Access
    from garrison.cluster.manager.importer import ImportRequest

    from_pass = find_password(
        from_pass, from_password_file, ask=from_askpass, question="Password of the source", variables=()
    )
    session = make_session(context, replace=replace, timeout_ms=migrate_timeout, dry_run=dry_run)
    access = Access(from_user, from_pass, timeout_s=session.options.link_timeout_s)
    skipped = frozenset(split_list(skip_types or []))
    request = ImportRequest(parse_address(source), access, copy, skip_existing, skip_refused, skipped)
    run(context, commands.import_(session, parse_address(entry), request))


@app.command()
def backup(
    context: typer.Context,
    entry: Entry,
    directory: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the files go.", show_default=False)
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the backup that the folder holds.")
    ] = False,
) -> None:
    """Save every primary's data as an RDB file into a folder that is new or empty."""
    from garrison.cluster.manager import commands

    session = make_session(context)
    run(context, commands.backup(session, parse_address(entry), directory, overwrite=overwrite))


app.add_typer(functions_app)


def _read_plan(context: typer.Context, path: Path) -> "ReshardPlan":
    from garrison.cluster.errors import UsageProblem
    from garrison.cluster.manager.reshard import read_plan

    try:
        return read_plan(path)
    except UsageProblem as error:
        fail(context, str(error), error.exit_code)


def _ask(question: str, option: str, kind: type[T]) -> T:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"is missing: {question.lower()}", param_hint=option)
    return kind(typer.prompt(question, type=kind))
