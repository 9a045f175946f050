"""`garrison node`: start one data node, with redis-server's file and options."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import garrison
from garrison.base.process_title import hide_passwords
from garrison.node.config import Config, ConfigError, load

USAGE = """\
usage: garrison node [file] [--directive value ...] [-]

  garrison node                                   with the defaults, on port 6379
  garrison node /etc/redis/redis.conf             with a file of redis-server
  garrison node --port 7000 --cluster-enabled yes
  garrison node file --loglevel verbose -         file, options, and more from standard input
  garrison node file --sentinel                   as redis-server: a Sentinel, see 'garrison sentinel --help'

  --check-config   say whether the configuration can be used, and stop
  --version, -v    print the version
  --help, -h       print this; --help NAME explains one directive

Each directive can also be set by the environment: GARRISON_MAXCLIENTS=100. Options win over the file,
the file over the environment."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    if arguments is None:
        hide_passwords()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["--version"], ["-v"]):
        from garrison.node import _engine

        print(f"Garrison node v={garrison.__version__} redis_version={_engine.REDIS_VERSION} bits=64")
        return 0
    if words[:1] in (["--help"], ["-h"]):
        return _help(words[1:])
    check_only = "--check-config" in words
    if check_only:
        words.remove("--check-config")
    try:
        config = load(words, dict(os.environ))
        if check_only:
            config.check_paths()
    except ConfigError as error:
        print(f"garrison: {error}{_meant(words)}", file=sys.stderr)
        return 1
    if check_only:
        _report(config)
        return 0
    from garrison.node.process import run

    return run(config)


def _meant(words: list[str]) -> str:
    """What may be meant by a file that is not there: a directive without its hyphens."""
    from garrison.node.directives import find

    name = words[0] if words else ""
    return f"; did you mean '--{name}'?" if find(name) and not os.path.exists(name) else ""


def _help(names: list[str]) -> int:
    if not names:
        print(USAGE)
        return 0
    from garrison.base.directive_lines import unknown
    from garrison.node.directives import DIRECTIVES, find

    for name in names:
        row = find(name.removeprefix("--"))
        if row is None:
            print(f"garrison: {unknown(name.removeprefix('--'), DIRECTIVES)}", file=sys.stderr)
            return 1
        default = row.default or '""'
        print(
            f"{row.name} {default}\n  {row.help}\n"
            f"  It takes {row.value_type.allowed}. Used by: {row.use.value}."
        )
    return 0


def _report(config: Config) -> None:
    print("the configuration can be used")
    ignored = config.without_effect()
    if ignored:
        print(f"without effect in this version: {', '.join(ignored)}")
    for variable in config.strange_variables:
        print(f"environment variable {variable} names no directive, and is ignored")


if __name__ == "__main__":
    sys.exit(main())
