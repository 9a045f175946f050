"""The `garrison` command: one door, and behind each name a part of the house.

Each part is imported only when its name is typed, so that a node does not pay for the manager's libraries.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence

import garrison

USAGE = """\
usage: garrison <command> [arguments]

  node      start a data node (takes redis-server's config file and options)
  cluster   create, check and reshard a cluster
  status    one screen about a cluster, a Sentinel group or a server; exit code for scripts
  top       the same live, in the terminal
  manager   watch a cluster, plan and act; its page, its API, and commands that ask it
  backup    back up a cluster or node, verify and restore backups
  doctor    say what is wrong or unwise with a cluster, Sentinels or a node, and what to type
  dev       keep a local cluster of six nodes until Ctrl-C
  cli       send commands: a prompt, or one by one (takes redis-cli's options)
  health    does a node answer? exit code 0 or 1, for health checks
  demo      start real nodes, kill, fail over and move slots; prints what callers saw
  functions test libraries of functions in Python
  rdb       look into RDB files: report, json, diff, check (takes redis-check-rdb's arguments)
  aof       check append-only files and cut damaged ends (takes redis-check-aof's arguments)
  sentinel  watch primaries and fail over by quorum (takes redis-sentinel's file and options)
  help      explain a command: garrison help cluster reshard, garrison help node maxmemory
  version   print the version

  --install-completion [bash|zsh|fish]   let the shell complete commands and options
  --show-completion [bash|zsh|fish]      print what that installs

'garrison <command> --help' says more."""

HELP_FLAGS = {"--help", "-h"}
EXIT_USAGE = 2
EXIT_BY_SIGNAL = 128
"""Plus the signal's number, as shells report it."""


def _part(module: str) -> Callable[[Sequence[str]], int]:
    """The `main` of a module that is imported when it is called, not before."""

    def run(arguments: Sequence[str]) -> int:
        return int(importlib.import_module(module).main(arguments))

    return run


def _node(arguments: Sequence[str]) -> int:
    """A node, or a Sentinel where redis-server's switch `--sentinel` asks for one."""
    if "--sentinel" not in arguments or HELP_FLAGS & set(arguments[:1]):
        return _part("garrison.node.__main__")(arguments)
    # Before another option, or at the end, it is the switch; with words behind it, an option of the Sentinel.
    following = [*arguments[1:], "--"]
    pairs = zip(arguments, following, strict=True)
    words = [word for word, after in pairs if word != "--sentinel" or after[:1] != "-"]
    return _part("garrison.sentinel.__main__")(words)


def _version(arguments: Sequence[str]) -> int:
    if HELP_FLAGS & set(arguments):
        print("usage: garrison version\n\nPrint the version.")
    else:
        print(f"garrison {garrison.__version__}")
    return 0


def _help(arguments: Sequence[str]) -> int:
    """`help`, or `help COMMAND ...`: what `COMMAND ... --help` prints."""
    words = [word for word in arguments if word not in HELP_FLAGS]
    if not words:
        print(USAGE)
        return 0
    name, *rest = words
    takes_names = name in ("node", "sentinel") and rest[:1] != ["status"]
    return _run([name, "--help", *rest] if takes_names else [name, *rest, "--help"])


def _completion(action: str) -> Callable[[Sequence[str]], int]:
    def run(arguments: Sequence[str]) -> int:
        from garrison import completion

        return int(getattr(completion, action)(arguments))

    return run


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "node": _node,
    "cluster": _part("garrison.cluster.__main__"),
    "status": _part("garrison.cluster.top.status_cli"),
    "top": _part("garrison.cluster.top.top_cli"),
    "manager": _part("garrison.cluster.daemon.manager_cli"),
    "backup": _part("garrison.cluster.backup.backup_cli"),
    "cli": _part("garrison.cli.__main__"),
    "health": _part("garrison.node.health"),
    "doctor": _part("garrison.cluster.doctor.doctor_cli"),
    "dev": _part("garrison.cluster.local.dev"),
    "demo": _part("garrison.cluster.demo.command"),
    "functions": _part("garrison.functions.testing"),
    "rdb": _part("garrison.node.files.rdb_cli"),
    "aof": _part("garrison.node.files.aof_cli"),
    "sentinel": _part("garrison.sentinel.__main__"),
    "version": _version,
    "--version": _version,
    "-v": _version,
    "help": _help,
    "--help": _help,
    "-h": _help,
    "--install-completion": _completion("install"),
    "--show-completion": _completion("show"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    if arguments is None:
        _end_by_sigterm_as_process_one()
    from garrison.base.command_line import run_guarded

    words = sys.argv[1:] if arguments is None else list(arguments)
    if "_GARRISON_COMPLETE" in os.environ:
        return run_guarded(lambda: _completion("answer")(words), "garrison")
    if arguments is None:
        _hide_passwords()
    return run_guarded(lambda: _run(words), "garrison")


def _end_by_sigterm_as_process_one() -> None:
    """End at once by SIGTERM, until a server handles it in its own way.

    Process 1 of a container has no default action: the kernel drops what it has no handler for, and whoever
    stops the container waits in vain and then kills. So this comes before anything that is slow to import.
    SIGINT has Python's handler from the beginning.
    """
    if os.getpid() == 1:
        import signal

        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(EXIT_BY_SIGNAL + number))


def _hide_passwords() -> None:
    from garrison.base.process_title import hide_passwords

    hide_passwords()


def _run(words: Sequence[str]) -> int:
    if not words:
        print(USAGE, file=sys.stderr)
        return EXIT_USAGE
    command = COMMANDS.get(words[0])
    if command is None:
        print(f"garrison: no command '{words[0]}'{_hint(words[0])}", file=sys.stderr)
        print("'garrison --help' lists the commands", file=sys.stderr)
        return EXIT_USAGE
    return command(words[1:])


def _hint(name: str) -> str:
    """The command that may be meant: a name like it, or a part of one with subcommands."""
    from garrison.base.suggest import did_you_mean, nearest
    from garrison.completion import SUBCOMMANDS

    hint = did_you_mean(name, COMMANDS)
    if hint:
        return hint
    for command, subcommands in SUBCOMMANDS.items():
        inner = nearest(name, subcommands())
        if inner:
            return f"; did you mean 'garrison {command} {inner}'?"
    return ""


if __name__ == "__main__":
    sys.exit(main())
