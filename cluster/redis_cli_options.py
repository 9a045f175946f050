"""One command line, two spellings: ours and that of ``redis-cli --cluster``.

Words are rewritten before they are parsed, so that each option is defined once:

- ``--cluster-replicas 1`` is ``--replicas 1``, and so on by the table below;
- ``--cluster-weight a=1 b=2`` is ``--weight a=1 --weight b=2``;
- ``check 127.0.0.1 7000`` is ``check 127.0.0.1:7000``;
- ``check redis://bob:secret@host:7000`` is ``--user bob --pass secret check host:7000``, ``rediss://`` means
  ``--tls``, and ``import ... --from redis://...`` says likewise how to log in to the source;
- options that belong to every command (``-a``, ``--tls``, ``--json`` ...) may stand anywhere. For
  ``call`` the words after the address are the command to send, and only ``--cluster-only-...`` is still
  taken out of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from garrison.base.endpoint import Endpoint, parse_endpoint

OURS = {
    "--cluster-replicas": "--replicas",
    "--cluster-from": "--from",
    "--cluster-to": "--to",
    "--cluster-slots": "--slots",
    "--cluster-yes": "--yes",
    "--cluster-timeout": "--migrate-timeout",
    "--cluster-pipeline": "--pipeline",
    "--cluster-replace": "--replace",
    "--cluster-weight": "--weight",
    "--cluster-use-empty-masters": "--use-empty",
    "--cluster-threshold": "--threshold",
    "--cluster-simulate": "--dry-run",
    "--cluster-slave": "--replica",
    "--cluster-replica": "--replica",
    "--cluster-master-id": "--primary",
    "--cluster-search-multiple-owners": "--search-multiple-owners",
    "--cluster-fix-with-unreachable-masters": "--with-unreachable",
    "--cluster-fix-with-unreachable-primaries": "--with-unreachable",
    "--cluster-only-masters": "--only-primaries",
    "--cluster-only-primaries": "--only-primaries",
    "--cluster-only-replicas": "--only-replicas",
    "--cluster-copy": "--copy",
    "--cluster-from-user": "--from-user",
    "--cluster-from-pass": "--from-pass",
    "--cluster-from-askpass": "--from-askpass",
}
URL = re.compile(r"(redis|rediss|valkey|valkeys)://")
CALL_FLAGS = {"--only-primaries", "--only-replicas"}


@dataclass(frozen=True)
class Options:
    """The options that the parsers know, by what stands behind them; made from the parsers themselves."""

    shared_flags: frozenset[str]
    """Those of every command that have no value."""
    shared_with_value: frozenset[str]
    flags: frozenset[str]
    """Those of single commands that have no value; what is unknown is taken to have one."""
    groups: frozenset[str] = frozenset()
    """Commands that are two words, as ``functions push``, by the first."""

    def positionals(self, words: Sequence[str]) -> list[int]:
        """Where the words stand that are neither options nor their values."""
        places = []
        skip = False
        for place, word in enumerate(words):
            if skip:
                skip = False
            elif word.startswith("-"):
                skip = "=" not in word and word not in self.flags | self.shared_flags
            else:
                places.append(place)
        return places

    def is_call(self, words: Sequence[str]) -> bool:
        """Whether these are ``call`` and its address, so that what follows is the command to send."""
        places = self.positionals(words)
        return len(places) == 2 and words[places[0]] == "call"


def translate_options(words: Sequence[str], options: Options) -> list[str]:
    """Rewrite the words after ``garrison cluster`` into our own spelling, shared options first."""
    shared: list[str] = []
    rest: list[str] = []
    queue = _without_urls([_ours(word) for word in words], shared, options)
    while queue:
        word = queue.pop(0)
        name = word.partition("=")[0]
        if name in options.shared_flags:
            shared.append(word)
        elif name in options.shared_with_value:
            shared.append(word)
            if "=" not in word and queue:
                shared.append(queue.pop(0))
        elif name == "--weight":
            rest += _weights(word, queue)
        elif word.startswith("-"):
            rest.append(word)
            if name not in options.flags and "=" not in word and queue:
                rest.append(queue.pop(0))
        else:
            rest.append(word)
            if options.is_call(rest):
                return shared + _call(rest, queue)
    return shared + _join_host_port(rest, options)


def _without_urls(words: Sequence[str], shared: list[str], options: Options) -> list[str]:
    """The words with ``host:port`` for each URL that names a server; ``shared`` gets how to log in there.

    What is not such a URL stays as it is, and is refused where it is used. The words of ``call`` are data.
    """
    plain: list[str] = []
    for place, word in enumerate(words):
        if options.is_call(plain):
            return plain + list(words[place:])
        joined = word.removeprefix("--from=")
        is_source = joined != word or words[place - 1 : place] == ["--from"]
        endpoint = _endpoint_of(joined)
        if endpoint is None or (is_source and endpoint.tls):
            plain.append(word)
            continue
        plain.append(f"--from={endpoint}" if joined != word else str(endpoint))
        (plain if is_source else shared).extend(_login_options(endpoint, "--from-" if is_source else "--"))
    return plain


def _endpoint_of(word: str) -> Endpoint | None:
    """The server that a URL names; None for any other word."""
    try:
        return parse_endpoint(word) if URL.match(word) else None
    except ValueError:
        return None


def _login_options(endpoint: Endpoint, prefix: str) -> list[str]:
    options = [f"{prefix}user={endpoint.username}"] if endpoint.username else []
    options += [f"{prefix}pass={endpoint.password}"] if endpoint.password else []
    return options + (["--tls"] if endpoint.tls else [])


def _ours(word: str) -> str:
    name, equals, value = word.partition("=")
    return OURS.get(name, name) + equals + value


def _weights(word: str, queue: list[str]) -> list[str]:
    values = [word.partition("=")[2]] if "=" in word else []
    while queue and "=" in queue[0] and not queue[0].startswith("-"):
        values.append(queue.pop(0))
    return [part for value in values for part in ("--weight", value)] or ["--weight"]


def _call(rest: list[str], queue: list[str]) -> list[str]:
    """``call address word...``: our flags to the front, the command's words untouched behind ``--``."""
    flags = [word for word in queue if word in CALL_FLAGS]
    command = [word for word in queue if word not in CALL_FLAGS]
    address = rest.pop()
    if _is_bare_host(address) and command and command[0].isdecimal():
        address = f"{address}:{command.pop(0)}"
    return [*rest, *flags, address, "--", *command]


def _is_bare_host(word: str) -> bool:
    """Whether a port may follow; a number alone is itself a port, of this machine."""
    return ":" not in word and not word.isdecimal()


def _join_host_port(rest: list[str], options: Options) -> list[str]:
    places = options.positionals(rest)
    if places and rest[places[0]] in options.groups:
        del places[0]
    if len(places) >= 3:
        host, port = places[1], places[2]
        if port == host + 1 and _is_bare_host(rest[host]) and rest[port].isdecimal():
            return [*rest[:host], f"{rest[host]}:{rest[port]}", *rest[port + 1 :]]
    return rest
