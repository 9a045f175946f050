"""One command and out; or the lines of a pipe, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from garrison.cli.core.options import Options
from garrison.cli.core.words import unquote
from garrison.cli.runner import Runner
from garrison.client.core.resp import to_bytes
from garrison.client.errors import UsageError

__all__ = ["command_of", "run_command", "run_lines"]


def command_of(options: Options, stdin: BinaryIO) -> list[bytes]:
    """The words to send: those of the command line, with what comes from standard input or a file."""
    words = [to_bytes(word) for word in options.words]
    if options.quoted_input:
        words = [_unquoted(word) for word in words]
    if options.script is not None:
        words = _eval(options.script, words)
    if options.tag_from_stdin is not None:
        tag = to_bytes(options.tag_from_stdin)
        if tag not in words:
            raise UsageError(
                f"-X {options.tag_from_stdin}: no argument of the command is {options.tag_from_stdin!r}"
            )
        words[words.index(tag)] = stdin.read()
    elif options.last_from_stdin:
        words.append(stdin.read())
    return words


def _unquoted(word: bytes) -> bytes:
    plain = unquote(word)
    if plain is None:
        raise UsageError(f"--quoted-input: the quotes of {word.decode('utf-8', 'replace')!r} do not match")
    return plain


def _eval(path: str, words: list[bytes]) -> list[bytes]:
    """EVAL of a file; a comma stands between keys and arguments."""
    try:
        script = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"--eval: cannot read {path}: {error.strerror}") from error
    at = words.index(b",") if b"," in words else len(words)
    keys, rest = words[:at], words[at + 1 :]
    return [b"EVAL", script, b"%d" % len(keys), *keys, *rest]


async def run_command(runner: Runner, words: list[bytes]) -> int:
    """Send one command as often as -r says; the exit code."""
    options = runner.options
    await runner.session.open()
    await runner.repeat(words, options.repeat, options.interval_s)
    return 1 if runner.failed and options.exits_with_error else 0


async def run_lines(runner: Runner, lines: Iterable[bytes]) -> int:
    """Carry out the lines of a pipe until one of them is ``quit``; the exit code."""
    await runner.session.open()
    for line in lines:
        if not await runner.line(line.rstrip(b"\r\n")):
            break
    return 1 if runner.failed and runner.options.exits_with_error else 0
