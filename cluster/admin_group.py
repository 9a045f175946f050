"""Groups of commands that take the options of every command at any place, and servers as URLs."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from garrison.base.command_line import HELP_OPTIONS
from garrison.cluster.redis_cli_options import Options, translate_options


class AdminGroup(TyperGroup):
    """The group of ``garrison cluster`` and ``garrison manager``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, translate_options(args, self.options()))

    def options(self) -> Options:
        """The options of every command and of single ones, as the parsers have them."""
        groups: dict[str, Any] = {
            name: command for name, command in self.commands.items() if hasattr(command, "commands")
        }
        inner = [command for group in groups.values() for command in group.commands.values()]
        of_commands = [param for command in (*self.commands.values(), *inner) for param in command.params]
        return Options(
            shared_flags=_names(self.params, are_flags=True),
            shared_with_value=_names(self.params, are_flags=False),
            flags=_names(of_commands, are_flags=True).union(HELP_OPTIONS["help_option_names"]),
            groups=frozenset(groups),
        )


def _names(params: Sequence[Any], *, are_flags: bool) -> frozenset[str]:
    """The spellings of the options among these parameters that have no value, or of those that have one."""
    return frozenset(
        name
        for param in params
        if param.param_type_name == "option" and param.is_flag == are_flags
        for name in param.opts
    )
