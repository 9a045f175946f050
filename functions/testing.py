"""`garrison functions test FILE ...`: load libraries into a throwaway node, and run the examples in them.

An example is one of a docstring's, as doctest knows them, in any function or at the top of the file. It talks
to the node through two names: ``call(function, *keys, args=())`` calls a function, ``redis(*words)`` sends a
command.

    @function
    def bump(keys: list[bytes], args: list[bytes], db: Database) -> int:
        '''Count up.

        >>> call("bump", "visits"), call("bump", "visits")
        (1, 2)
        >>> redis("GET", "visits")
        b'2'
        '''

Each docstring begins with an empty node. A library without examples is only loaded.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hiredis

USAGE = """\
usage: garrison functions test FILE ...

Load each library into a throwaway node, and run the examples of its docstrings, which call
call("function", "key", args=["arg"]) and redis("GET", "key"). The exit code is 1 if one fails."""

START_TIMEOUT_S = 20.0
REPLY_TIMEOUT_S = 30.0
DIRECTIVES = ("--python-functions", "yes", "--save", "", "--loglevel", "notice", "--port", "0")


class ReplyError(Exception):
    """An error reply."""


class Link:
    """A connection to the node, which waits for each reply."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(REPLY_TIMEOUT_S)
        self._socket.connect(path)
        self._reader = hiredis.Reader(replyError=ReplyError)
        self("HELLO", 3)

    def __call__(self, *words: bytes | str | int | float) -> Any:
        """Send a command; its reply. Raises ReplyError."""
        self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]
        while (reply := self._reader.gets()) is False:
            received = self._socket.recv(1 << 16)
            if not received:
                raise ConnectionError("the node has closed the connection")
            self._reader.feed(received)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def call(self, function: str, *keys: bytes | str, args: Sequence[bytes | str | int | float] = ()) -> Any:
        """Call a function."""
        return self("FCALL", function, len(keys), *keys, *args)

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def throwaway_node() -> Iterator[Link]:
    """A node with an empty folder of its own, reached by a socket in it.

    Raises RuntimeError if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="garrison-functions-") as folder:
        path = f"{folder}/socket"
        words = (*DIRECTIVES, "--dir", folder, "--unixsocket", path)
        log = Path(folder, "log")
        with log.open("wb") as output:
            command = [sys.executable, "-m", "garrison", "node", *words]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            link = _connected(path, process, log)
            try:
                yield link
            finally:
                link.close()
        finally:
            process.terminate()
            process.wait()
            sys.stdout.write("".join(f"  {line}\n" for line in printed(log.read_text())))


def _connected(path: str, process: subprocess.Popen[bytes], log: Path) -> Link:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            return Link(path)
        time.sleep(0.02)
    raise RuntimeError(f"the node does not start: {log.read_text()[-1000:]}")


def printed(log: str) -> list[str]:
    """What functions have printed, of the node's log."""
    parts = (line.partition("Function worker ") for line in log.splitlines())
    return [text.partition(": ")[2] for _, found, text in parts if found]


def examples_of(source: str, name: str) -> list[doctest.DocTest]:
    """The docstrings with examples, read from the source: it is not run here."""
    parser, found = doctest.DocTestParser(), []
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    for node in ast.walk(ast.parse(source, name)):
        text = ast.get_docstring(node, clean=False) if isinstance(node, documented) else None
        if text and ">>>" in text:
            line = node.body[0].lineno - 1 if isinstance(node, documented) else 0
            found.append(parser.get_doctest(text, {}, getattr(node, "name", "the library"), name, line))
    return found


def test_library(link: Link, path: Path) -> int:
    """Load one library and run its examples; how many things are wrong."""
    source = path.read_bytes()
    try:
        name = link("FUNCTION", "LOAD", "REPLACE", source)
    except ReplyError as error:
        print(f"{path}: {error}")
        return 1
    runner = doctest.DocTestRunner(verbose=False)
    for example in examples_of(source.decode(), str(path)):
        link("FLUSHALL")
        example.globs = {"call": link.call, "redis": link, "ReplyError": ReplyError}
        runner.run(example)
    failed, tried = runner.summarize(verbose=False)
    print(f"{path}: library {name.decode()}, {tried} examples, {failed} failed")
    return failed


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    if not arguments or {"--help", "-h"} & set(arguments):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    command, *files = arguments
    if command != "test" or not files:
        print(f"garrison functions: {command!r} cannot be done\n\n{USAGE}", file=sys.stderr)
        return 2
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        print(f"garrison functions: there is no file {missing[0]}", file=sys.stderr)
        return 2
    with throwaway_node() as link:
        return 1 if sum(test_library(link, Path(file)) for file in files) else 0
