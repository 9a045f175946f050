"""One way to give a password to every command: an option, a file, a prompt or the environment.

An option is seen in the history of the shell, and for a moment in `ps`; a file, a prompt and the environment
are not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from garrison.base.password_file import read_password_file

PASSWORD_VARIABLE = "REDISCLI_AUTH"
"""The variable that redis-cli reads too."""

Password = Annotated[
    str | None,
    typer.Option(
        "--pass",
        "-a",
        "--password",
        metavar="PASSWORD",
        help=f"Password; better by --askpass, --password-file or the variable {PASSWORD_VARIABLE}.",
    ),
]
PasswordFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="File whose first line is the password; '-' is standard input."),
]
AskPassword = Annotated[bool, typer.Option("--askpass", help="Ask for the password.")]
User = Annotated[str | None, typer.Option(metavar="NAME", help="User name (ACL).")]
AddressMapPairs = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ANNOUNCED=REACHED",
        help="Where a server is reached from here, as with published ports of containers: "
        "172.20.0.2:6379=127.0.0.1:7001. Several times, or commas between.",
    ),
]


def find_password(
    given: str | None,
    file: str | None,
    *,
    ask: bool,
    question: str = "Password",
    variables: Sequence[str] = (PASSWORD_VARIABLE,),
    prompt: Callable[[str], str] | None = None,
) -> str | None:
    """The password, from the one source that was named, or else from the first variable that is set.

    Raises typer.BadParameter for two sources, and for a file without a password.
    """
    if (given is not None) + (file is not None) + ask > 1:
        raise typer.BadParameter("give the password in one way: as option, by file or by prompt")
    if ask:
        return (prompt or _prompt)(question)
    if file is not None:
        return _read(file)
    if given is not None:
        return given
    return next((os.environ[name] for name in variables if os.environ.get(name)), None)


def _prompt(question: str) -> str:
    answer: str = typer.prompt(question, hide_input=True, err=True)
    return answer


def _read(path: str) -> str:
    try:
        return read_password_file(path)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
