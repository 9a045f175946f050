"""Help with names for people: `HOST:PORT...` where typer shows Python's type, `HOST:PORT <list[str]>`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class PlainCommand(TyperCommand):
    """A command whose arguments are shown by their names alone; options show theirs by `metavar`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for parameter in self.params:
            if parameter.param_type_name == "argument":
                _show_plainly(parameter)


def _show_plainly(parameter: Any) -> None:
    name = parameter.metavar or parameter.name.upper()
    shown = f"{name}..." if parameter.nargs == -1 else name
    parameter.metavar = shown
    parameter.display_type_rich = lambda ctx: ""
    parameter.get_usage_pieces = lambda ctx: [shown if parameter.required else f"[{shown}]"]
