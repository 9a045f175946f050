"""The command line of ``garrison cli``: one table, from which come parsing, help and advice.

Names and meanings are redis-cli's, so that what is in a script or in the fingers works. The first word
that is not an option begins the command to send; a URL may stand before it. Of an option given twice the
last one counts.

>>> options = parse(["-p", "7000", "-c", "SET", "k", "-1"], {})
>>> options.port, options.follows_redirects, options.words
(7000, True, ['SET', 'k', '-1'])
>>> parse(["--latencyhistory"], {})
Traceback (most recent call last):
...
garrison.client.errors.UsageError: no option '--latencyhistory'; did you mean '--latency-history'?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from garrison.base.about import DOCS_URL
from garrison.base.suggest import did_you_mean
from garrison.cli.core.formats import Format
from garrison.client.core.url import DEFAULT_PORT, URL_SCHEMES, parse_url
from garrison.client.errors import UsageError

__all__ = ["OPTIONS", "Options", "help_text", "parse"]

PASSWORD_VARIABLES = ("GARRISONCLI_AUTH", "REDISCLI_AUTH")
PORT_VARIABLE = "GARRISON_PORT"

USAGE = """\
usage: garrison cli [options] [URL] [command [argument ...]]

Without a command it is a prompt; lines from a pipe are carried out one by one."""
NOTES = """\
environment:
  GARRISONCLI_AUTH, REDISCLI_AUTH   password; unlike -a it is not seen in the list of processes
  GARRISONCLI_HISTFILE              history of the prompt (~/.garrison_history); /dev/null for none;
                                    REDISCLI_HISTFILE is read too
  GARRISON_PORT                     port, where -p does not say one (as in the containers)
  NO_COLOR                          no colours

examples:
  garrison cli -p 7000 -c SET user:1 alice
  garrison cli redis://:secret@127.0.0.1:7001 INFO replication
  garrison cli --scan --pattern 'user:*' --type hash
  garrison cli --json HGETALL user:1
  garrison cli --pipe < commands.txt
  cat picture.png | garrison cli -x SET picture

{url} says more."""
ELSEWHERE = {
    "--cluster": "that is 'garrison cluster' (see 'garrison cluster --help')",
    "--replica": "garrison cli cannot play a replica: 'redis-cli --replica' does",
    "--slave": "garrison cli cannot play a replica: 'redis-cli --replica' does",
    "--rdb": "'garrison cluster backup' saves a cluster; 'redis-cli --rdb' fetches one node's file",
    "--functions-rdb": "'redis-cli --functions-rdb' does this",
    "--ldb": "garrison cli has no debugger of scripts: 'redis-cli --ldb' has",
    "--ldb-sync-mode": "garrison cli has no debugger of scripts: 'redis-cli --ldb' has",
    "--lru-test": "bench/eviction.py measures eviction",
    "--latency-dist": "--latency-history shows how latency goes on",
    "--intrinsic-latency": "'redis-cli --intrinsic-latency' measures the machine",
    "--tls-ciphers": "the ciphers are those of Python's defaults",
    "--tls-ciphersuites": "the ciphers are those of Python's defaults",
}
"""What redis-cli has and this does not, with what to do instead."""


@dataclass
class Options:
    """One command line."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    socket: str | None = None
    url: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    asks_password: bool = False
    password_in_arguments: bool = False
    database: int = 0
    protocol: int = 0
    """2 or 3; 0, what the mode needs."""
    timeout_s: float = 10.0
    """For connecting; 0, for ever."""
    tls: bool = False
    sni: str | None = None
    cacert: str | None = None
    cacertdir: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: bool = False

    follows_redirects: bool = False
    repeat: int = 1
    """How often; -1, for ever."""
    interval_s: float = 0.0
    last_from_stdin: bool = False
    tag_from_stdin: str | None = None
    quoted_input: bool = False
    exits_with_error: bool = False
    warns: bool = True
    is_verbose: bool = False

    form: Format | None = None
    """None: for a person on a terminal, raw elsewhere."""
    between: str = "\n"
    after: str = "\n"
    shows_pushes: bool | None = None
    """None: on a terminal."""

    mode: str = "command"
    pattern: str | None = None
    quoted_pattern: str | None = None
    count: int = 0
    type: str | None = None
    memory_samples: int | None = None
    pipe_timeout_s: float = 30.0
    script: str | None = None

    words: list[str] = field(default_factory=list)
    """The command and its arguments."""


@dataclass(frozen=True)
class Option:
    """One row of the table: its names, the field that it sets, and to what."""

    names: tuple[str, ...]
    sets: str
    help: str
    metavar: str = ""
    """What its value is called; empty for a switch."""
    convert: Callable[[str], Any] = str
    value: Any = True
    """What a switch sets."""


def _whole(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise UsageError(f"a whole number, not {text!r}") from None
        if not least <= number <= most:
            raise UsageError(f"a number from {least} to {most}, not {number}")
        return number

    return convert


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise UsageError(f"a number of seconds, not {text!r}")
    return number


def _yes_no(text: str) -> bool:
    if text not in ("yes", "no", "y", "n"):
        raise UsageError(f"yes or no, not {text!r}")
    return text.startswith("y")


def _mode(name: str, help: str) -> Option:
    return Option((f"--{name}",), "mode", help, value=name)


def _form(form: Format, name: str, help: str) -> Option:
    return Option((name,), "form", help, value=form)


_MANY = 2**63 - 1
_ANY, _POSITIVE = _whole(0, _MANY), _whole(1, _MANY)
OPTIONS: dict[str, list[Option]] = {
    "the server": [
        Option(("-h",), "host", "Host (127.0.0.1).", "HOST"),
        Option(("-p",), "port", "Port (6379).", "PORT", _whole(0, 65_535)),
        Option(("-s",), "socket", "Unix socket, instead of host and port.", "PATH"),
        Option(("-u",), "url", "URL: redis://user:password@host:port/2. Also as the first word.", "URL"),
        Option(("-n",), "database", "Number of the database.", "NUMBER", _whole(0, 2**31 - 1)),
        Option(("-c",), "follows_redirects", "Follow the redirects of a cluster (MOVED, ASK)."),
        Option(("-2",), "protocol", "Speak RESP2.", value=2),
        Option(("-3",), "protocol", "Speak RESP3, which tells maps, sets and doubles.", value=3),
        Option(("-t",), "timeout_s", "Wait so long for a connection (10; 0: for ever).", "SECONDS", _seconds),
    ],
    "who you are": [
        Option(("-a", "--pass", "--password"), "password", "Better: one of the next two.", "PASSWORD"),
        Option(("--password-file",), "password_file", "File whose first line is the password.", "FILE"),
        Option(("--user",), "username", "Name of the user (ACL).", "NAME"),
        Option(("--askpass",), "asks_password", "Ask for the password."),
        Option(("--no-auth-warning",), "warns", "No warning of a password in the arguments.", value=False),
    ],
    "TLS": [
        Option(("--tls",), "tls", "Speak TLS."),
        Option(("--sni",), "sni", "Name of the server in the handshake.", "HOST"),
        Option(("--cacert",), "cacert", "Authorities to trust.", "FILE"),
        Option(("--cacertdir",), "cacertdir", "Folder of authorities to trust.", "FOLDER"),
        Option(("--cert",), "cert", "Client certificate.", "FILE"),
        Option(("--key",), "key", "Its key.", "FILE"),
        Option(("--insecure",), "insecure", "Do not verify the server's certificate."),
    ],
    "the command": [
        Option(("-r",), "repeat", "Send the command so often; -1 for ever.", "TIMES", _whole(-1, _MANY)),
        Option(("-i",), "interval_s", "Seconds between two times.", "SECONDS", _seconds),
        Option(("-x",), "last_from_stdin", "Read the last argument from standard input."),
        Option(("-X",), "tag_from_stdin", "Read the argument TAG from standard input.", "TAG"),
        Option(("--quoted-input",), "quoted_input", "The arguments are quoted as at the prompt."),
        Option(("-e",), "exits_with_error", "Exit code 1 when the command is answered with an error."),
        Option(("--eval",), "script", "Send the Lua script in FILE by EVAL: key ... , argument ...", "FILE"),
    ],
    "the output": [
        _form(Format.RAW, "--raw", "Values alone (what is done unless the output is a terminal)."),
        _form(Format.STANDARD, "--no-raw", "For a person, also where the output is not a terminal."),
        _form(Format.CSV, "--csv", "Comma-separated values."),
        _form(Format.JSON, "--json", "JSON, one line a reply; speaks RESP3 unless -2 is given."),
        _form(Format.QUOTED_JSON, "--quoted-json", "JSON in ASCII alone."),
        Option(("-d",), "between", "What stands between the elements of a raw array.", "TEXT"),
        Option(("-D",), "after", "What stands after a raw reply.", "TEXT"),
        Option(("--show-pushes",), "shows_pushes", "Show push messages (terminal: yes).", "yes|no", _yes_no),
        Option(("--verbose",), "is_verbose", "Say more while working."),
    ],
    "instead of a command": [
        _mode("scan", "List keys, one a line."),
        _mode("bigkeys", "Find the keys with the most elements."),
        _mode("memkeys", "Find the keys that take the most memory."),
        _mode("hotkeys", "Find the keys that are used most (maxmemory-policy *lfu)."),
        Option(("--memkeys-samples",), "memory_samples", "... by so many elements of each.", "COUNT", _ANY),
        Option(("--pattern",), "pattern", "Of keys, for the four before.", "PATTERN"),
        Option(("--quoted-pattern",), "quoted_pattern", "The same, quoted as at the prompt.", "PATTERN"),
        Option(("--type",), "type", "Keys of one type only.", "TYPE"),
        Option(("--count",), "count", "Keys to look at with each SCAN.", "COUNT", _POSITIVE),
        _mode("stat", "Show keys, memory, clients and requests, a line a second (-i)."),
        _mode("latency", "Measure the time of a PING, continuously."),
        _mode("latency-history", "The same, a line for every 15 seconds (-i)."),
        _mode("pipe", "Send what comes from standard input, and count the replies."),
        Option(("--pipe-timeout",), "pipe_timeout_s", "... so long (30; 0: for ever).", "TIME", _seconds),
    ],
    "this program": [
        Option(("--help",), "mode", "Show this.", value="help"),
        Option(("--version",), "mode", "Show the version.", value="version"),
    ],
}  # fmt: skip
_BY_NAME = {name: option for group in OPTIONS.values() for option in group for name in option.names}


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Read a command line; a wrong one raises :class:`UsageError` with advice."""
    options = Options()
    if environment.get(PORT_VARIABLE, "").isdecimal():
        options.port = int(environment[PORT_VARIABLE])
    queue = list(arguments)
    while queue:
        name = queue[0]
        if name not in _BY_NAME:
            if name.startswith("-") and name != "-" and not name[1:].isdecimal():
                raise UsageError(_unknown(name))
            if options.url is None and name.startswith(URL_SCHEMES):
                options.url = queue.pop(0)
                continue
            break
        queue.pop(0)
        if name == "-h" and not queue:
            options.mode = "help"
            break
        _apply(options, name, queue)
    options.words = queue
    return _complete(options, environment)


def _apply(options: Options, name: str, queue: list[str]) -> None:
    option = _BY_NAME[name]
    value = option.value
    if option.metavar:
        if not queue:
            raise UsageError(f"{name} takes a value: {name} {option.metavar}")
        try:
            value = option.convert(queue.pop(0))
        except UsageError as error:
            raise UsageError(f"{name} takes {error}") from None
    setattr(options, option.sets, value)
    if option.sets == "password":
        options.password_in_arguments = True
    if option.sets == "memory_samples":
        options.mode = "memkeys"


def _unknown(name: str) -> str:
    if name in ELSEWHERE:
        return f"no option '{name}' here: {ELSEWHERE[name]}"
    return f"no option '{name}'{did_you_mean(name, _BY_NAME) or ': garrison cli --help lists them'}"


def _complete(options: Options, environment: Mapping[str, str]) -> Options:
    """Put in what the URL and the environment say."""
    if options.url is not None:
        _apply_url(options, options.url)
    if options.password is None:
        found = [environment[name] for name in PASSWORD_VARIABLES if environment.get(name)]
        options.password = found[0] if found else None
    if options.protocol == 0 and options.form is not None and options.form.is_json:
        options.protocol = 3
    return options


def _apply_url(options: Options, url: str) -> None:
    target = parse_url(url)
    if target.primary_name is not None:
        raise UsageError(
            "a URL of Sentinels names no server: ask one of them, SENTINEL GET-MASTER-ADDR-BY-NAME name"
        )
    first = target.addresses[0]
    if first.is_unix_socket:
        options.socket = first.host
    else:
        options.host, options.port = first
    options.tls = options.tls or target.tls
    options.username = target.username or options.username
    options.database = target.database or options.database
    if target.password is not None:
        options.password = target.password
        options.password_in_arguments = True
    protocol = str(target.options.get("protocol", options.protocol))
    if protocol in ("2", "3"):
        options.protocol = int(protocol)


def help_text() -> str:
    """What ``--help`` prints."""
    lines = [USAGE]
    for title, group in OPTIONS.items():
        lines.append(f"\n{title}:")
        for option in group:
            names = ", ".join(option.names) + (f" {option.metavar}" if option.metavar else "")
            gap = "\n" + " " * 28 if len(names) > 25 else " " * (26 - len(names))
            lines.append(f"  {names}{gap}{option.help}")
    return "\n".join([*lines, "", NOTES.format(url=DOCS_URL + "cli.md")])
