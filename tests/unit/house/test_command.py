"""The `garrison` command: what it prints and what it does not import."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import garrison
from garrison.__main__ import COMMANDS, USAGE, main
from garrison.sentinel import __main__ as sentinel

SLOW_TO_IMPORT = {"asyncio", "pydantic", "typer", "typing", "uvloop", "garrison.base", "garrison.node"}
AS_PROCESS = """
import os, signal, sys
os.getpid = lambda: {number}
def installed(number, handler):
    assert number == signal.SIGTERM
    print(" ".join(sys.modules), flush=True)
    handler(number, None)
signal.signal = installed
from garrison.__main__ import main
sys.argv = ["garrison", "version"]
sys.exit(main())
"""


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-v"]])
def test_version(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"garrison {garrison.__version__}\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fly", ""),
        ("clster", "; did you mean 'cluster'?"),
        ("helth", "; did you mean 'health'?"),
        ("reshard", "; did you mean 'garrison cluster reshard'?"),
        ("statsu", "; did you mean 'status'?"),
    ],
)
def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str], name: str, hint: str) -> None:
    assert main([name]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"garrison: no command '{name}'{hint}"


def test_no_command_prints_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "garrison <command>" in capsys.readouterr().err


def test_usage_names_every_command() -> None:
    assert {name for name in COMMANDS if not name.startswith("-")} <= set(USAGE.split())


@pytest.mark.parametrize(
    "words",
    [
        ["node"],
        ["sentinel"],
        ["sentinel", "status"],
        ["health"],
        ["dev"],
        ["demo"],
        ["status"],
        ["top"],
        ["cluster"],
        ["cluster", "reshard"],
        ["cluster", "picture"],
        ["cluster", "functions"],
        ["cluster", "functions", "push"],
        ["rdb"],
        ["rdb", "report"],
        ["aof", "fix"],
        ["backup"],
        ["backup", "restore"],
        ["doctor"],
        ["version"],
        ["--install-completion"],
        [],
    ],
)
def test_help_is_found_in_all_its_spellings(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    texts = set()
    for spelling in ([*words, "--help"], [*words, "-h"], ["help", *words]):
        assert main(spelling) == 0, spelling
        texts.add(capsys.readouterr().out)
    (text,) = texts
    assert text.lower().startswith("usage: garrison")


@pytest.mark.parametrize("words", [["help", "node", "maxmemroy"], ["node", "--help", "--maxmemroy"]])
def test_misspelt_directive_is_answered(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 1
    assert "there is no directive 'maxmemroy'; did you mean 'maxmemory'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["sentinel", "statsu"], "did you mean 'garrison sentinel status'?"),
        (["sentinel", "--help", "down-aftr"], "did you mean 'down-after-milliseconds'?"),
        (["node", "maxmemory", "1gb"], "did you mean '--maxmemory'?"),
        (["cluster", "chek", "7000"], "Did you mean 'check'?"),
        (["cluster", "check", "7000", "--fixx"], "--fix"),
        (["dev", "--primries", "3"], "--primaries"),
    ],
)
def test_misspelling_is_answered(capsys: pytest.CaptureFixture[str], words: list[str], hint: str) -> None:
    assert main(words) in (1, 2)
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["my.conf", "--sentinel"], ["my.conf"]),
        (["my.conf", "--sentinel", "--port", "5000"], ["my.conf", "--port", "5000"]),
        (
            ["my.conf", "--sentinel", "--sentinel", "monitor", "a", "::1", "1", "2"],
            ["my.conf", "--sentinel", "monitor", "a", "::1", "1", "2"],
        ),
    ],
)
def test_node_with_the_switch_of_redis_is_a_sentinel(
    words: list[str], rest: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def start(arguments: list[str]) -> int:
        started.append(arguments)
        return 0

    monkeypatch.setattr(sentinel, "main", start)
    assert main(["node", *words]) == 0
    assert started == [rest]


def test_refused_user_line_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "--user", "bob", "on", ">geheim"]) == 1
    err = capsys.readouterr().err
    assert "user" in err
    assert "geheim" not in err


def test_the_command_imports_no_component() -> None:
    code = (
        "import sys, garrison.__main__;"
        "heavy = ('asyncio', 'pydantic', 'typer', 'rich');"
        "print([m for m in sys.modules if m in heavy or m.startswith('garrison.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['garrison.__main__']"


def run_as_process(number: int) -> subprocess.CompletedProcess[str]:
    """Call the handler of SIGTERM as soon as it is installed, and print what is imported by then."""
    program = AS_PROCESS.format(number=number)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )


def test_process_one_handles_sigterm_before_it_imports() -> None:
    ended = run_as_process(1)
    assert "garrison.__main__" in ended.stdout.split(), ended.stderr
    assert not SLOW_TO_IMPORT & set(ended.stdout.split())
    assert ended.returncode == 128 + signal.SIGTERM


def test_another_process_leaves_sigterm_to_the_kernel() -> None:
    ended = run_as_process(2)
    assert ended.stdout.startswith("garrison 0"), ended.stderr
    assert ended.returncode == 0
