"""What a server shows at its start: scripts look for the lines with its mode, port and process id."""

from __future__ import annotations

import os
import sys

import garrison

_LOGO = r"""
        _       _       _
       |#|__   |#|   __|#|
       |####|__|#|__|####|        Garrison {version}
       |  __            _|
       | |__|   ___    | |        Running in {mode} mode
       |       |   |   __|        Port: {port}
       |_______|   |____ |        PID: {pid}
"""


def banner(mode: str, port: int | str) -> str:
    """The banner of this process, several lines."""
    return _LOGO.format(version=garrison.__version__, mode=mode, port=port, pid=os.getpid())


def is_wanted(always: bool, logfile: str, syslog: bool) -> bool:
    """Whether a start shows it: when asked to, and when a person looks on."""
    return always or (not logfile and not syslog and sys.stdout.isatty())
