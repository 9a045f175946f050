"""``garrison cli`` and ``python -m garrison.cli``."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import garrison
from garrison.base.command_line import EXIT_STOPPED, run_guarded

if TYPE_CHECKING:
    from garrison.cli.core.options import Options
    from garrison.cli.runner import Runner


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    try:
        # Here and below, not above: Ctrl-C while modules are loaded shows no traceback either.
        from garrison.client.errors import ClientError
    except KeyboardInterrupt:
        return EXIT_STOPPED
    try:
        return _main(sys.argv[1:] if arguments is None else list(arguments))
    except ClientError as error:
        print(f"garrison cli: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except EOFError:
        print("garrison cli: the input ended where a password was asked for", file=sys.stderr)
        return 1


def _main(arguments: list[str]) -> int:
    from garrison.cli.core.options import help_text, parse

    options = parse(arguments, os.environ)
    if options.mode == "help":
        print(help_text())
        return 0
    if options.mode == "version":
        print(f"garrison cli {garrison.__version__}")
        return 0
    if options.asks_password:
        options.password = getpass.getpass("Password: ")
    elif options.password_file is not None:
        options.password = _read_password(options.password_file)
    elif options.password_in_arguments and options.warns:
        print(
            "Warning: a password in the command line is seen by others on this machine; "
            "set GARRISONCLI_AUTH instead, or use --password-file or --askpass",
            file=sys.stderr,
        )
    return asyncio.run(_run(options))


def _read_password(path: str) -> str:
    from garrison.base.password_file import read_password_file
    from garrison.client.errors import UsageError

    try:
        return read_password_file(path)
    except ValueError as error:
        raise UsageError(str(error)) from None


async def _run(options: Options) -> int:
    from garrison.cli.core.formats import Format, Formatter
    from garrison.cli.runner import Runner, note
    from garrison.cli.session import Session
    from garrison.client.core.resp import to_bytes

    on_terminal = sys.stdout.isatty()
    colour = on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if options.shows_pushes is None:
        options.shows_pushes = on_terminal
    form = options.form or (Format.STANDARD if on_terminal else Format.RAW)
    formatter = Formatter(
        form, colour=colour, between=to_bytes(options.between), after=to_bytes(options.after)
    )
    session = Session(options, note)
    try:
        if options.mode in ("scan", "bigkeys", "memkeys", "hotkeys"):
            from garrison.cli.sampling import run_sampling

            return await run_sampling(options, session, formatter, _write)
        if options.mode == "pipe":
            from garrison.cli.insertion import run_insertion

            return await run_insertion(options, session, sys.stdin.buffer, _write, note)
        if options.mode != "command":
            from garrison.cli.live import run_live

            return await run_live(options, session, _write, on_terminal=on_terminal)
        at_prompt = not options.words and options.script is None and sys.stdin.isatty() and on_terminal
        runner = Runner(options, session, formatter, _write, at_prompt=at_prompt)
        if not at_prompt:
            return await _commands(options, runner)
        from garrison.cli.prompt import history_of, run_prompt

        return await run_prompt(runner, history_of(os.environ), colour=colour)
    finally:
        session.close()


async def _commands(options: Options, runner: Runner) -> int:
    from garrison.cli.one_shot import command_of, run_command, run_lines

    if options.words or options.script:
        return await run_command(runner, command_of(options, sys.stdin.buffer))
    return await run_lines(runner, sys.stdin.buffer)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(run_guarded(main, "garrison cli"))
