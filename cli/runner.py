"""Carrying out one line after the other, from the prompt or from a pipe, and showing what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from garrison.cli.core.conversation import LISTENING, name_of
from garrison.cli.core.formats import Format, Formatter, is_text_command
from garrison.cli.core.hints import CommandDoc, CommandDocs
from garrison.cli.core.options import Options
from garrison.cli.core.words import BAD_LINE, split_count, split_line
from garrison.cli.session import Session
from garrison.client.core.url import parse_address
from garrison.client.errors import ClientError, ReplyError

__all__ = ["Runner", "cancelled_by_ctrl_c", "note"]

CLEAR_SCREEN = b"\x1b[H\x1b[2J"
INTERRUPTED = "interrupted: the server may still carry it out; the connection is a new one"
HELP = """\
garrison cli: commands go to the server as they are typed; these are the prompt's own:
  help COMMAND        what the server says of a command
  help @GROUP         its commands of a group: {groups}
  3 COMMAND           send a command three times
  connect HOST PORT   go to another server
  clear               clear the screen
  quit                leave (as does Ctrl-D); Ctrl-C stops a command that waits"""


def note(text: str) -> None:
    """Say something that is not a reply."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def cancelled_by_ctrl_c(task: asyncio.Task[Any]) -> Iterator[None]:
    """Ctrl-C cancels this task, and nothing else, in this block."""
    loop = asyncio.get_running_loop()
    former = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, former)


class Runner:
    """A session, the form of its output, and what the user has been told of the commands."""

    def __init__(
        self,
        options: Options,
        session: Session,
        formatter: Formatter,
        write: Callable[[bytes], None],
        *,
        at_prompt: bool = False,
    ) -> None:
        self.options = options
        self.session = session
        self.docs = CommandDocs()
        self.failed = False
        """Whether a command was answered with an error, or not at all."""
        self._formatter = formatter
        self._write = write
        self._at_prompt = at_prompt
        if formatter.form is Format.STANDARD or options.is_verbose:
            session.on_redirect = lambda text: write(text.encode() + b"\n")
        self._listens = False

    async def line(self, line: bytes) -> bool:
        """Carry out one line; False when the user wants to leave."""
        words = split_line(line)
        if words is None:
            self._write(BAD_LINE.encode() + b"\n")
            return True
        times, words = split_count(words)
        if not words:
            return True
        name = name_of(words)
        if name in ("QUIT", "EXIT") and len(words) == 1:
            return False
        if name in ("HELP", "?"):
            await self._help([word.decode("utf-8", "replace") for word in words[1:]])
        elif name == "CLEAR" and len(words) == 1:
            self._write(CLEAR_SCREEN)
        elif name == "CONNECT" and len(words) in (2, 3):
            await self._connect(words[1:])
        else:
            await self._carry_out(self.repeat(words, times, 0.0))
        return True

    async def _carry_out(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something, at the prompt until Ctrl-C is pressed; errors of the connection are shown."""
        self._listens = False
        task = asyncio.ensure_future(work)
        try:
            with cancelled_by_ctrl_c(task) if self._at_prompt else contextlib.nullcontext():
                await task
        except asyncio.CancelledError:
            if not self._at_prompt:
                raise
            note("" if self._listens else f"\n{INTERRUPTED}")
            # What comes back for the command that was left must not be taken for the reply to the next one.
            with contextlib.suppress(ClientError):
                await self.session.open()
        except ClientError as error:
            self.failed = True
            self.session.close()
            note(f"Error: {error}")

    async def repeat(self, words: list[bytes], times: int, interval_s: float) -> None:
        """Send a command so often (-1: for ever)."""
        while times != 0:
            times -= 1
            await self.command(words)
            if times != 0 and interval_s:
                await asyncio.sleep(interval_s)

    async def command(self, words: list[bytes]) -> None:
        """Send one command and show its reply, or the messages that come after it."""
        if name_of(words) in LISTENING:
            self._listens = True
            if self._formatter.form is Format.STANDARD:
                note("Reading messages... (Ctrl-C ends this)")
            await self.session.listen(words, self._show)
            return
        reply = await self.session.request(words)
        self.show_pushes()
        self._show(reply, is_text=is_text_command(words))

    def _show(self, reply: Any, *, is_text: bool = False) -> None:
        if isinstance(reply, ReplyError):
            self.failed = True
            if self.options.exits_with_error:
                note(str(reply))
                return
        self._write(self._formatter.show(reply, is_text=is_text))

    def show_pushes(self) -> None:
        """Show the push messages that have come, if the user wants to see them."""
        while self.session.pushes:
            push = self.session.pushes.popleft()
            if self.options.shows_pushes:
                self._write(self._formatter.show(push))

    # ---- the prompt's own words ----------------------------------------------------------------

    async def _connect(self, words: list[bytes]) -> None:
        try:
            host, *port = [word.decode("utf-8", "replace") for word in words]
            if port and host.count(":") > 1 and not host.startswith("["):
                host = f"[{host}]"
            address = parse_address(":".join([host, *port]))
            await self.session.connect_to(address.host, address.port)
            self.docs = CommandDocs()
        except ClientError as error:
            note(f"Error: {error}")

    async def learn(self) -> None:
        """Ask the server for its commands, once it can be asked."""
        talk = self.session.talk
        if len(self.docs) or talk.in_multi or not self.session.is_connected:
            return
        reply = (await self.session.request_many([[b"COMMAND", b"DOCS"]]))[0]
        if not isinstance(reply, ReplyError):
            self.docs = CommandDocs(reply)

    async def _help(self, words: list[str]) -> None:
        try:
            await self.learn()
        except ClientError as error:
            note(f"Error: {error}")
        if not words:
            groups = " ".join(self.docs.groups()) or "the server does not say"
            self._write(HELP.format(groups=groups).encode() + b"\n")
            return
        found = self.docs.find(words)
        if not found:
            self._write(f"The server knows no command '{' '.join(words)}'\n".encode())
        for doc in found:
            self._write(_shown_doc(doc, brief=words[0].startswith("@") or len(found) > 1))


def _shown_doc(doc: CommandDoc, *, brief: bool) -> bytes:
    lines = [doc.syntax(), f"  {doc.summary}"]
    if not brief:
        lines += [f"  since {doc.since}, group {doc.group}"]
    return ("\n".join(lines) + "\n").encode()
