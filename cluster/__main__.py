"""``garrison cluster`` and ``python -m garrison.cluster``."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one admin command line and return its exit code."""
    from garrison.cluster.cli import app

    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(words, prog_name="garrison cluster")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
