"""Help with names for people: `HOST:PORT...` where typer shows Python's type, `HOST:PORT <list[str]>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from garrison.base.command_line import HELP_OPTIONS


class PlainCommand(TyperCommand):
    """A command whose arguments are shown by their names alone; options show theirs by `metavar`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for parameter in self.params:
            if parameter.param_type_name == "argument":
                _show_plainly(parameter)


class PlainApp(typer.Typer):
    """A typer application with our settings, whose commands have plain help."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings=HELP_OPTIONS,
            **options,
        )

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = PlainCommand, **options: Any
    ) -> Callable[..., Any]:
        return super().command(name, cls=cls, **options)


def _show_plainly(parameter: Any) -> None:
    name = parameter.metavar or parameter.name.upper()
    shown = f"{name}..." if parameter.nargs == -1 else name
    parameter.metavar = shown
    parameter.display_type_rich = lambda ctx: ""
    parameter.get_usage_pieces = lambda ctx: [shown if parameter.required else f"[{shown}]"]
