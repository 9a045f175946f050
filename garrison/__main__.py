"""The `garrison` command: one door, and behind each name a part of the house.

Each part is imported only when its name is typed, so that a node does not pay for the manager's libraries.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

import garrison

USAGE = """\
usage: garrison <command> [arguments]

  node      start a data node (takes redis-server's config file and options)
  cluster   create, check and reshard a cluster
  dev       keep a local cluster of six nodes until Ctrl-C
  cli       send commands: a prompt, or one by one (takes redis-cli's options)
  health    does a node answer? exit code 0 or 1, for health checks
  demo      the same with a load, a kill and a reshard; prints what happened
  sentinel  watch primaries and fail over by quorum (takes redis-sentinel's file and options)
  version   print the version

'garrison <command> --help' says more."""


def _part(module: str) -> Callable[[Sequence[str]], int]:
    """The `main` of a module that is imported when it is called, not before."""

    def run(arguments: Sequence[str]) -> int:
        return int(importlib.import_module(module).main(arguments))

    return run


def _version(arguments: Sequence[str]) -> int:
    print(f"garrison {garrison.__version__}")
    return 0


def _help(arguments: Sequence[str]) -> int:
    print(USAGE)
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "node": _part("garrison.node.__main__"),
    "cluster": _part("garrison.cluster.__main__"),
    "cli": _part("garrison.cli.__main__"),
    "health": _part("garrison.node.health"),
    "dev": _part("garrison.cluster.local.dev"),
    "demo": _part("garrison.cluster.demo.command"),
    "sentinel": _part("garrison.sentinel.__main__"),
    "version": _version,
    "--version": _version,
    "help": _help,
    "--help": _help,
    "-h": _help,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words:
        print(USAGE, file=sys.stderr)
        return 2
    command = COMMANDS.get(words[0])
    if command is None:
        print(f"garrison: no command '{words[0]}'\n{USAGE}", file=sys.stderr)
        return 2
    return command(words[1:])


if __name__ == "__main__":
    sys.exit(main())
