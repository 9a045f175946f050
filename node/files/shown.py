"""How the tools for files speak: keys as text, tables, failures as one line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

WIDTH_WHEN_PIPED = 140
KEY_CHARACTERS_MAX = 80
EXIT_FAILED = 1


def make_console(*, stderr: bool = False) -> Console:
    """A console that does not fold lines at 80 columns when its output is piped."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_WHEN_PIPED
    return console


def text_of(name: bytes) -> str:
    """A key as text that loses nothing: a byte outside of UTF-8 is a lone surrogate (`surrogateescape`)."""
    return name.decode("utf-8", "surrogateescape")


def shown(name: bytes) -> str:
    """A key as people read it: escapes for what does not print, and three dots in a long one."""
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in name.decode("utf-8", "backslashreplace")
    )
    return text if len(text) <= KEY_CHARACTERS_MAX else f"{text[: KEY_CHARACTERS_MAX - 3]}..."


def size(count: int) -> str:
    """Bytes as people read them."""
    return decimal(count)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: int = 1) -> Table:
    """A table whose columns from `numeric` on are aligned to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for number, name in enumerate(columns):
        made.add_column(name, justify="right" if number >= numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(escape(cell) for cell in row))
    return made


@contextlib.contextmanager
def failures_told(command: str) -> Iterator[None]:
    """End with one line and exit code 1 where a file cannot be read or is damaged."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{command}: {where}{error.strerror or error}", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED) from None
    except ValueError as error:
        print(f"{command}: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED) from None


def checked_size(path: Path) -> int:
    """The size of a file that can be opened. Raises OSError, which names it, for one that cannot."""
    with path.open("rb") as file:
        return file.seek(0, 2)


@contextlib.contextmanager
def progress_of(path: Path, total: int) -> Iterator[Progress]:
    """A bar on standard error while a file is read, where that is a terminal; task 0 counts bytes."""
    console = make_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(escape(path.name), total=total)
        yield progress
