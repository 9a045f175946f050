"""`garrison sentinel`: start a Sentinel with redis-sentinel's file and options, or ask one with `status`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import garrison
from garrison.base.process_title import hide_passwords
from garrison.sentinel.config.config import ConfigError, load

USAGE = """\
usage: garrison sentinel FILE [--directive value ...]
       garrison sentinel status [--sentinel host:port] [NAME]     (status --help says more)

  garrison sentinel /etc/redis/sentinel.conf     with a file of redis-sentinel
  garrison sentinel my.conf --port 5000 --sentinel monitor orders 10.0.0.1 6379 2

The file must be writable: the Sentinel keeps its state in it.

  --check-config   say whether the configuration can be used, and stop
  --version, -v    print the version
  --help, -h       print this; --help NAME explains one directive or option of 'sentinel'

Each directive, except for 'sentinel', can also be set by the environment: GARRISON_LOGLEVEL=verbose.
Options win over the file, the file over the environment."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    if arguments is None:
        hide_passwords()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["--version"], ["-v"]):
        from garrison.sentinel.server.login import REDIS_VERSION

        print(f"Garrison sentinel v={garrison.__version__} redis_version={REDIS_VERSION} bits=64")
        return 0
    if words[:1] in (["--help"], ["-h"]):
        return _help(words[1:])
    if words[:1] == ["status"]:
        from garrison.sentinel.status import main as show_status

        return show_status(words[1:])
    check_only = "--check-config" in words
    if check_only:
        words.remove("--check-config")
    try:
        config = load(words, dict(os.environ))
    except ConfigError as error:
        print(f"garrison: {error}{_meant(words)}", file=sys.stderr)
        return 1
    if check_only:
        return _check(config.without_effect())
    from garrison.sentinel.process import run

    return run(config)


def _meant(words: list[str]) -> str:
    """What may be meant by a file that is not there: 'status', misspelt."""
    from garrison.base.suggest import nearest

    name = words[0] if words else ""
    is_status = nearest(name, ["status"]) and not name.startswith("-") and not os.path.exists(name)
    return "; did you mean 'garrison sentinel status'?" if is_status else ""


def _help(names: list[str]) -> int:
    if not names:
        print(USAGE)
        return 0
    from garrison.base.directive_lines import unknown
    from garrison.sentinel.config.directives import ROWS, find
    from garrison.sentinel.config.lines import OPTIONS, option_name

    for name in (name.removeprefix("--") for name in names):
        row, option = find(name), OPTIONS.get(option_name(name))
        if row is not None:
            default = row.default or '""'
            print(f"{row.name} {default}\n  {row.help}\n  It takes {row.value_type.allowed}.")
        elif option is not None:
            print(f"sentinel {option[1].name}\n  It takes {option[1].usage}.")
        else:
            print(f"garrison: {unknown(name, [*ROWS, *OPTIONS])}", file=sys.stderr)
            return 1
    return 0


def _check(ignored: list[str]) -> int:
    print("the configuration can be used")
    if ignored:
        print(f"without effect in a Sentinel: {', '.join(ignored)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
