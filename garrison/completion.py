"""Completion of `garrison ...` in bash, zsh and fish, from the same tables and parsers that read the words.

The shell calls `garrison` with the line so far and `_GARRISON_COMPLETE` set, and gets one candidate a line.
Where there is none, it completes file names.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

USAGE = """\
usage: garrison --install-completion [bash|zsh|fish]
       garrison --show-completion [bash|zsh|fish]

Without a name it is the shell that $SHELL names."""

SCRIPTS = {
    "bash": """\
_garrison() {
    COMPREPLY=()
    local word
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(_GARRISON_COMPLETE=bash "$1" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o default -F _garrison garrison
""",
    "zsh": """\
#compdef garrison
_garrison() {
    local -a found
    found=("${(@f)$(_GARRISON_COMPLETE=zsh "${words[1]}" "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then
        _describe garrison found
    else
        _files
    fi
}
if [[ "${funcstack[1]}" == _garrison ]]; then
    _garrison "$@"
else
    compdef _garrison garrison
fi
""",
    "fish": """\
function __garrison_complete
    set -l line (commandline --cut-at-cursor --current-process | string collect)
    set -l found (env _GARRISON_COMPLETE=fish garrison "$line" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline --current-token)
    end
end
complete --command garrison --no-files --arguments '(__garrison_complete)'
""",
}

PLACES = {
    "bash": "~/.local/share/bash-completion/completions/garrison",
    "zsh": "~/.zfunc/_garrison",
    "fish": "~/.config/fish/completions/garrison.fish",
}
HOW_ON = {
    "bash": "a new shell completes 'garrison' if the package bash-completion is there;\n"
    "else add this to ~/.bashrc:\n  source {path}",
    "zsh": "add this to ~/.zshrc, before or instead of what it says about compinit:\n"
    "  fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit",
    "fish": "a new shell completes 'garrison'",
}


class Candidate(NamedTuple):
    """What the word may become, and what that is."""

    word: str
    help: str = ""


# What the shell asks.


def answer(arguments: Sequence[str]) -> int:
    """Print the candidates for the line that the shell gives."""
    line = arguments[0] if arguments else ""
    for each in candidates(_words(line)):
        print(_shown(each, os.environ.get("_GARRISON_COMPLETE", "")))
    return 0


def _words(line: str) -> list[str]:
    """The words behind `garrison`; the last is the one to complete, and may be empty."""
    try:
        words = shlex.split(line)
    except ValueError:  # A quote is still open.
        words = line.split()
    if not words or line[-1].isspace():
        words.append("")
    return words[1:] or [""]


def _shown(candidate: Candidate, shell: str) -> str:
    if shell == "bash" or not candidate.help:
        return candidate.word
    if shell == "zsh":
        return f"{candidate.word.replace(':', chr(92) + ':')}:{candidate.help}"
    return f"{candidate.word}\t{candidate.help}"


def candidates(words: Sequence[str]) -> list[Candidate]:
    """What the last of the words may become."""
    *before, current = words
    if before[:1] == ["help"]:
        before = [word for word in before[1:] if not word.startswith("-")]
        found: Iterable[Candidate] = _helped(before)
    elif before:
        found = PARTS.get(before[0], _nothing)(before[1:])
    else:
        found = _commands()
    wants_options = current.startswith("-")
    return [
        each
        for each in found
        if each.word.startswith(current) and (wants_options or not each.word.startswith("-"))
    ]


def _commands() -> Iterator[Candidate]:
    from garrison.__main__ import COMMANDS, USAGE

    lines = [line.split(maxsplit=1) for line in USAGE.splitlines()[2:] if line.startswith("  ")]
    helps = {line[0]: line[1].rpartition("] ")[2].strip() for line in lines if len(line) == 2}
    return (Candidate(name, helps.get(name, "")) for name in COMMANDS)


def _helped(before: Sequence[str]) -> Iterable[Candidate]:
    if not before:
        return (each for each in _commands() if not each.word.startswith("-"))
    if before[0] == "node":
        return _names_of_directives(_node_directives())
    subcommands = SUBCOMMANDS.get(before[0], list)
    return map(Candidate, subcommands()) if len(before) == 1 else ()


# The parts that are typer applications.


def _group(module: str) -> Callable[[Sequence[str]], Iterator[Candidate]]:
    """The candidates of an application with subcommands."""

    def found(before: Sequence[str]) -> Iterator[Candidate]:
        group = _parser(importlib.import_module(module).app)
        shared = list(_options(group))
        values = _values(before, [group, *group.commands.values()])
        if values is not None:
            yield from values
            return
        chosen = group
        for word in before:
            chosen = getattr(chosen, "commands", {}).get(word, chosen)
        commands = getattr(chosen, "commands", {})
        yield from (Candidate(name, each.get_short_help_str(80)) for name, each in commands.items())
        if not commands:
            yield from _options(chosen)
        yield from shared

    return found


def _application(module: str) -> Callable[[Sequence[str]], Iterator[Candidate]]:
    def found(before: Sequence[str]) -> Iterator[Candidate]:
        parser = _parser(importlib.import_module(module).app)
        values = _values(before, [parser])
        yield from _options(parser) if values is None else values

    return found


def _cli(before: Sequence[str]) -> Iterator[Candidate]:
    from garrison.cli.core.options import OPTIONS

    rows = [option for group in OPTIONS.values() for option in group]
    taking = next(
        (option for option in rows if before and before[-1] in option.names and option.metavar), None
    )
    if taking is not None:
        yield from map(Candidate, taking.metavar.split("|") if "|" in taking.metavar else ())
        return
    yield from (Candidate(name, option.help) for option in rows for name in option.names)


def _parser(app: Any) -> Any:
    import typer

    return typer.main.get_command(app)


def _options(parser: Any) -> Iterator[Candidate]:
    for each in parser.params:
        if each.param_type_name == "option" and not each.hidden:
            yield from (Candidate(name, each.help or "") for name in each.opts if name.startswith("--"))
    yield Candidate("--help", "Say more.")


def _values(before: Sequence[str], parsers: Iterable[Any]) -> list[Candidate] | None:
    """The values of the option that stands right before; None if none does, or it takes no value."""
    last = before[-1] if before else ""
    for parser in parsers:
        for each in parser.params:
            if last in each.opts and each.param_type_name == "option" and not each.is_flag:
                metavar = each.metavar or ""
                return [Candidate(name) for name in metavar.split("|")] if "|" in metavar else []
    return None


# The parts with directives.


def _node(before: Sequence[str]) -> Iterator[Candidate]:
    yield from _directives(before, _node_directives(), ("--check-config", "--version", "--help"))


def _sentinel(before: Sequence[str]) -> Iterator[Candidate]:
    from garrison.sentinel.config.directives import ROWS

    if before[:1] == ["status"]:
        yield from _application("garrison.sentinel.status")(before[1:])
        return
    if not before:
        yield Candidate("status", "what the Sentinels see")
    yield from _directives(before, ROWS, ("--check-config", "--sentinel", "--version", "--help"))


def _node_directives() -> Mapping[str, Any]:
    from garrison.node.directives import DIRECTIVES

    return {name: row for name, row in DIRECTIVES.items() if not row.hidden and not row.file_only}


def _directives(
    before: Sequence[str], directives: Mapping[str, Any], others: Iterable[str]
) -> Iterator[Candidate]:
    last = before[-1] if before else ""
    if last in ("--help", "-h"):
        yield from _names_of_directives(directives)
        return
    row = directives.get(last.removeprefix("--")) if last.startswith("--") else None
    if row is not None:
        yield from map(Candidate, _allowed(row.value_type))
    yield from (Candidate(f"--{name}", row.help) for name, row in directives.items())
    yield from map(Candidate, others)


def _names_of_directives(directives: Mapping[str, Any]) -> Iterator[Candidate]:
    return (Candidate(name, row.help) for name, row in directives.items())


def _allowed(value_type: Any) -> Sequence[str]:
    from garrison.base.value_types import Choice, YesNo

    if isinstance(value_type, Choice):
        return value_type.names
    return ("yes", "no") if isinstance(value_type, YesNo) else ()


def _nothing(before: Sequence[str]) -> Iterable[Candidate]:
    return ()


def _shells(before: Sequence[str]) -> Iterable[Candidate]:
    return map(Candidate, SCRIPTS)


def _subcommands(module: str) -> Callable[[], list[str]]:
    return lambda: list(_parser(importlib.import_module(module).app).commands)


GROUPS = {
    "cluster": "garrison.cluster.cli",
    "rdb": "garrison.node.files.rdb_cli",
    "aof": "garrison.node.files.aof_cli",
    "backup": "garrison.cluster.backup.backup_cli",
    "manager": "garrison.cluster.daemon.manager_cli",
}
"""The typer applications with subcommands."""

SUBCOMMANDS: dict[str, Callable[[], list[str]]] = {
    **{name: _subcommands(module) for name, module in GROUPS.items()},
    "functions": lambda: ["test"],
    "sentinel": lambda: ["status"],
}
"""The commands with words of their own behind them."""

PARTS: dict[str, Callable[[Sequence[str]], Iterable[Candidate]]] = {
    "cli": _cli,
    **{name: _group(module) for name, module in GROUPS.items()},
    "doctor": _application("garrison.cluster.doctor.doctor_cli"),
    "dev": _application("garrison.cluster.local.dev"),
    "demo": _application("garrison.cluster.demo.command"),
    "status": _application("garrison.cluster.top.status_cli"),
    "top": _application("garrison.cluster.top.top_cli"),
    "node": _node,
    "sentinel": _sentinel,
    "functions": lambda before: (Candidate("test"), Candidate("--help")),
    "health": lambda before: (Candidate("--help"), Candidate("--timeout")),
    "--install-completion": _shells,
    "--show-completion": _shells,
}


# Installing.


def install(arguments: Sequence[str]) -> int:
    """Write the script where the shell looks for it, and say what is left to do."""
    if _asks_for_help(arguments):
        return 0
    shell = _chosen(arguments)
    if shell is None:
        return 2
    path = Path(PLACES[shell]).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SCRIPTS[shell])
    except OSError as error:
        print(
            f"garrison: cannot write {path}: {error.strerror}; "
            f"'garrison --show-completion {shell}' prints it",
            file=sys.stderr,
        )
        return 1
    print(f"{path} is written; {HOW_ON[shell].format(path=path)}")
    return 0


def show(arguments: Sequence[str]) -> int:
    """Print the script, for `eval` or for a place of the user's own."""
    if _asks_for_help(arguments):
        return 0
    shell = _chosen(arguments)
    if shell is None:
        return 2
    print(SCRIPTS[shell], end="")
    return 0


def _chosen(arguments: Sequence[str]) -> str | None:
    """The shell that is meant; None after a refusal has been printed."""
    name = arguments[0] if arguments else Path(os.environ.get("SHELL", "")).name
    if name in SCRIPTS and len(arguments) < 2:
        return name
    known = f"'{name}' is not a shell that can be completed" if name else "SHELL names no shell"
    print(f"garrison: {known}; give one of {', '.join(SCRIPTS)}", file=sys.stderr)
    return None


def _asks_for_help(arguments: Sequence[str]) -> bool:
    asks = bool({"--help", "-h"} & set(arguments))
    if asks:
        print(USAGE)
    return asks
