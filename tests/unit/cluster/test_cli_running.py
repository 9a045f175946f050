"""How a command ends: its document by the printer that it names, and its exit code."""

from __future__ import annotations

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from garrison.base.plain_help import PlainApp
from garrison.cluster.cli import shared_options
from garrison.cluster.cli_running import run
from garrison.cluster.documents import Document
from garrison.cluster.errors import UnreachableError

app = PlainApp(name="some")
app.callback()(shared_options)


@app.command()
def work(context: typer.Context, outcome: str) -> None:
    async def do() -> Document:
        if outcome == "unreachable":
            raise UnreachableError("nobody answers")
        return Document(command="work", ok=outcome == "good")

    def show(document: Document, console: Console) -> None:
        console.print(f"shown: {document.ok}")

    run(context, do(), show)


@app.command()
def other() -> None: ...


@pytest.mark.parametrize(
    ("words", "code", "output"),
    [
        (["work", "good"], 0, "shown: True"),
        (["work", "bad"], 1, "shown: False"),
        (["work", "unreachable"], 3, "some: nobody answers"),
        (["--json", "work", "good"], 0, '"ok": true'),
        (["--json", "work", "unreachable"], 3, '"exit_code": 3'),
    ],
)
def test_command_ends_with_document_and_code(words: list[str], code: int, output: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code
    assert output in result.output
