"""``garrison cluster`` and ``python -m garrison.cluster``."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one admin command line and return its exit code."""
    from garrison.base.command_line import run_app
    from garrison.base.process_title import hide_passwords
    from garrison.cluster.cli import app

    if arguments is None:
        hide_passwords()
    return run_app(app, "garrison cluster", arguments)


if __name__ == "__main__":
    sys.exit(main())
