"""Text of servers, made fit for a terminal, a page and a shell.

What a node says may be anything: escape sequences that move the cursor, letters that turn the line round,
a host name that is a command. Nothing of it is shown unless it went through here.

>>> printable("a\\x1b[2Jb")
'a\\\\x1b[2Jb'
>>> print(cli("10.0.0.1", 7000, "CONFIG", "SET", "save", "3600 1"))
garrison cli -h 10.0.0.1 -p 7000 CONFIG SET save '3600 1'
>>> print(cli("$(reboot)", 7000, "PING"))
garrison cli -h '$(reboot)' -p 7000 PING
"""

from __future__ import annotations

import shlex

TEXT_CHARACTERS_MAX = 400
COMMAND_CHARACTERS_MAX = 1_000
BYTES_PER_UNIT = 1024


def printable(text: str, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    """The text with everything that is not printable as an escape, cut where it is too long."""
    shown = text[: characters_max + 1]
    shown = "".join(each if each.isprintable() else _escaped(each) for each in shown)
    return shown if len(shown) <= characters_max else shown[: characters_max - 3] + "..."


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cli(host: str, port: int, *words: str) -> str:
    """The command line that sends a command to one node."""
    return shell_line("garrison", "cli", "-h", host, "-p", str(port), *words)


def shell_line(*words: str) -> str:
    """Words as a line that a shell reads as those words."""
    return " ".join(shlex.quote(printable(word)) for word in words)


def human(size: float) -> str:
    """A number of bytes for people.

    >>> human(1536), human(3 * 1024**3)
    ('1.5 kB', '3.0 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < BYTES_PER_UNIT:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= BYTES_PER_UNIT
    return f"{size:.1f} TB"
