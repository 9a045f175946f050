"""A group of options is one parameter of a command, and options like any others on its command line."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from garrison.cluster.option_groups import with_groups


@dataclass(frozen=True)
class Place:
    """Where something is."""

    host: Annotated[str, typer.Option("--host")]
    port: Annotated[int, typer.Option("--port", min=1)] = 6379


app = typer.Typer()


@app.command()
@with_groups
def show(
    context: typer.Context,
    word: Annotated[str, typer.Argument()],
    loud: Annotated[bool, typer.Option("--loud")] = False,
    *,
    place: Place,
) -> None:
    assert context.get_parameter_source("port") is not None
    print(word, loud, place)


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["a", "--host", "b"], "a False Place(host='b', port=6379)"),
        (["--port", "7", "--host", "b", "--loud", "a"], "a True Place(host='b', port=7)"),
    ],
)
def test_group_is_filled_from_the_command_line(words: list[str], printed: str) -> None:
    assert CliRunner().invoke(app, words).stdout.strip() == printed


@pytest.mark.parametrize("words", [["a"], ["a", "--host", "b", "--port", "0"]])
def test_options_of_a_group_are_checked_like_others(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).exit_code == 2


def test_help_shows_the_options_in_the_place_of_the_group() -> None:
    text = CliRunner().invoke(app, ["--help"]).stdout
    assert -1 < text.index("--loud") < text.index("--host") < text.index("--port")
