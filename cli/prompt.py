"""The prompt: history, completion and hints by prompt_toolkit; the work is the runner's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from garrison.cli.core.hints import CommandDocs
from garrison.cli.core.secrets import has_secret
from garrison.cli.runner import Runner, note
from garrison.client.core.resp import to_bytes
from garrison.client.errors import ClientError

__all__ = ["history_of", "run_prompt"]

HISTORY_BYTES_MAX = 1024 * 1024
"""A longer file of history loses its older half at the start."""
HISTORY_VARIABLES = ("GARRISONCLI_HISTFILE", "REDISCLI_HISTFILE")
STYLE = Style.from_dict({"hint": "ansibrightblack", "prompt": ""})

Docs = Callable[[], CommandDocs]


async def run_prompt(runner: Runner, history: History, *, colour: bool) -> int:
    """Read lines and carry them out until Ctrl-D or ``quit``; the exit code."""
    prompt: PromptSession[str] = PromptSession(
        history=history,
        completer=_Completer(lambda: runner.docs),
        complete_while_typing=False,
        input_processors=[_Hint(lambda: runner.docs)],
        style=STYLE,
        color_depth=None if colour else ColorDepth.MONOCHROME,
    )
    try:
        await runner.session.open()
    except ClientError as error:
        note(f"Error: {error}")
    while True:
        # A server that is gone, or wants a password first, is asked again before the next line.
        with contextlib.suppress(ClientError):
            await runner.learn()
        runner.show_pushes()
        try:
            line = await prompt.prompt_async(runner.session.prompt)
        except EOFError:
            return 0
        except KeyboardInterrupt:
            if not prompt.default_buffer.text:
                return 0
            continue
        if not await runner.line(to_bytes(line)):
            return 0


class _Completer(Completer):
    """Commands, subcommands and the words of their syntax."""

    def __init__(self, docs: Docs) -> None:
        self._docs = docs

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        line = to_bytes(document.text_before_cursor)
        typed = "" if line[-1:].isspace() else (line.split() or [b""])[-1].decode("utf-8", "replace")
        for word in self._docs().completions(line):
            yield Completion(word, start_position=-len(typed))


class _Hint(Processor):
    """What may follow, in grey behind the cursor; as much of it as the line has room for."""

    def __init__(self, docs: Docs) -> None:
        self._docs = docs

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments: StyleAndTextTuples = list(transformation_input.fragments)
        text = transformation_input.document.text
        if get_app().is_done or not text or not transformation_input.document.is_cursor_at_the_end:
            return Transformation(fragments)
        hint = self._docs().hint(to_bytes(text))
        room = transformation_input.width - get_cwidth(text) - 3
        if hint and room > 3:
            blank = "" if text[-1].isspace() else " "
            cut = hint if len(hint) <= room else hint[: room - 3] + "..."
            fragments.append(("class:hint", blank + cut))
        return Transformation(fragments)


class _Discreet(History):
    """A history without lines that carry a password."""

    def append_string(self, string: str) -> None:
        if not has_secret(to_bytes(string)):
            super().append_string(string)


class _DiscreetFile(_Discreet, FileHistory):
    """A file of history, for its owner's eyes only."""

    def store_string(self, string: str) -> None:
        # A full disk or a missing folder must not end the prompt.
        with contextlib.suppress(OSError):
            super().store_string(string)


class _DiscreetMemory(_Discreet, InMemoryHistory):
    """A history for this time only."""


def history_of(environment: Mapping[str, str]) -> History:
    """The history in the user's file, or for this time only where there can be none."""
    path = _history_path(environment)
    if path is None:
        return _DiscreetMemory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            _shorten(file)
    except OSError:
        return _DiscreetMemory()
    return _DiscreetFile(str(path))


def _history_path(environment: Mapping[str, str]) -> Path | None:
    for variable in HISTORY_VARIABLES:
        if variable in environment:
            named = environment[variable]
            return None if named in ("", os.devnull) else Path(named)
    if environment.get("XDG_STATE_HOME"):
        return Path(environment["XDG_STATE_HOME"]) / "garrison" / "cli_history"
    return Path(environment["HOME"]) / ".garrison_history" if environment.get("HOME") else None


def _shorten(file: Any) -> None:
    """Keep the newer half of a file that has grown too long; a blank line stands before each entry."""
    size = file.seek(0, os.SEEK_END)
    if size <= HISTORY_BYTES_MAX:
        return
    file.seek(size - HISTORY_BYTES_MAX // 2)
    kept = file.read().partition(b"\n\n")[2]
    file.seek(0)
    file.write(kept)
    file.truncate()
