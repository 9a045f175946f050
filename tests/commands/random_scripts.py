"""Random scripts against a real Redis 7.0: the same replies, and the same data behind them.

One seed gives a run of scripts, each a few random statements: arithmetic, strings, tables, patterns, the
libraries, errors caught and not caught, and commands whose replies have one order. `test_random_scripts.py`
runs a few hundred. A campaign:

    python -m tests.commands.random_scripts --scripts 1000 --first 7
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.commands.wire import Peers, Server, Wire, start_garrison, start_redis_7_0

STATEMENTS_MAX = 6
SCRIPTS_PER_CHECK = 20

NUMBERS = [
    "0",
    "1",
    "-1",
    "2",
    "7",
    "1.5",
    "-2.75",
    "0.1",
    "255",
    "256",
    "65536",
    "2^31",
    "2^32",
    "2^53",
    "1e15",
    "1e20",
    "-1e20",
    "1/3",
]
STRINGS = [
    "",
    "a",
    "12",
    "-7",
    "3.5",
    "hello world",
    "a,b,c",
    "x=1;y=2",
    "[1]",
    "%d",
    "\\n",
    "\\0\\255",
    '\\"',
    "true",
]
PATTERNS = [
    "%a+",
    "%d",
    "(%w)=(%w)",
    ".",
    "^a",
    "l+",
    "[^,]+",
    "%s*",
    "(.-),",
    "%f[%w]%w",
    "%b[]",
    "()",
    "%",
    "[",
    "(",
    "a-$",
]
JSON = [
    '[1,2,{"a":null}]',
    '{"a":{"b":[]}}',
    '"\\\\u00e9"',
    "1e3",
    "[1,",
    "nul",
    "-0",
    "{}",
    '[true,false,"/"]',
]
FORMATS = ["bhil", ">I2i3", "<d", "!4bi", "s", "c3", "bc0", "f", "x", "I9", "y"]
DIRECTIVES = ["%5.1f", "%d", "%s", "%x", "%q", "%g", "%5s"]
KEYS = ["k1", "k2", "k3"]


class Writer:
    """Writes one random script after the other."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._depth = 0

    def script(self) -> str:
        """A script."""
        count = self._random.randint(1, STATEMENTS_MAX)
        lines = ["local a, b, c = 1, 'x', {1, 2, 3}", *(self._statement() for _ in range(count))]
        return " ".join([*lines, f"return {self._result()}"])

    def _pick(self, options: Sequence[str]) -> str:
        return self._random.choice(options)

    def _one_of(self, *makers: Callable[[], str]) -> str:
        if self._depth > 4:
            return self._pick(["a", "b", "1"])
        self._depth += 1
        made = self._random.choice(makers)()
        self._depth -= 1
        return made

    def _statement(self) -> str:
        return self._one_of(
            lambda: f"{self._pick(['a', 'b'])} = {self._value()}",
            lambda: f"c = {self._table()}",
            lambda: f"c[{self._number()}] = {self._string()}",
            lambda: f"if {self._value()} then {self._statement()} else {self._statement()} end",
            lambda: f"for i = 1, {self._random.randint(0, 5)} do {self._statement()} end",
            lambda: (
                f"local ok, e = pcall(function() {self._statement()} return {self._value()} end) "
                "b = ok and 1 or e"
            ),
            lambda: f"a = {self._command()}",
            self._command,
            lambda: f"redis.setresp({self._random.choice([2, 3])})",
            lambda: f"table.insert(c, {self._number()})",
            lambda: "table.sort(c)",
            lambda: f"if a == {self._number()} then error({self._string()}) end",
        )

    def _number(self) -> str:
        return self._one_of(
            lambda: self._pick(NUMBERS),
            lambda: "#c",
            lambda: f"({self._number()} {self._pick(['+', '-', '*', '%'])} {self._number()})",
            lambda: f"math.floor({self._number()})",
            lambda: (
                f"bit.{self._pick(['bxor', 'band', 'lshift', 'rol'])}({self._number()}, {self._number()})"
            ),
            lambda: f"(tonumber({self._string()}) or 0)",
        )

    def _string(self) -> str:
        return self._one_of(
            lambda: f'"{self._pick(STRINGS)}"',
            lambda: f"tostring(tonumber({self._number()}))",
            lambda: f"({self._string()} .. {self._number()})",
            lambda: f"string.rep({self._string()}, {self._random.randint(0, 3)})",
            lambda: f"string.sub({self._string()}, {self._random.randint(-3, 3)})",
            lambda: f"(string.gsub({self._string()}, '{self._pick(PATTERNS)}', {self._string()}))",
            lambda: f"cjson.encode({self._value()})",
            lambda: f"cmsgpack.pack({self._value()})",
            lambda: (
                f"struct.pack('{self._pick(FORMATS)}', {self._number()}, {self._number()}, {self._string()})"
            ),
            lambda: f"bit.tohex({self._number()}, {self._random.randint(-9, 9)})",
            lambda: f"redis.sha1hex({self._string()})",
            lambda: f"string.format('{self._pick(DIRECTIVES)}', {self._value()})",
        )

    def _table(self) -> str:
        return self._one_of(
            lambda: f"{{{self._value()}, {self._value()}}}",
            lambda: f"{{x = {self._value()}}}",
            lambda: f"{{{self._value()}, {{{self._value()}}}}}",
            lambda: "{}",
            lambda: f"{{string.find({self._string()}, '{self._pick(PATTERNS)}')}}",
            lambda: f"{{cmsgpack.unpack({self._string()})}}",
            lambda: f"{{struct.unpack('{self._pick(FORMATS)}', {self._string()})}}",
            lambda: f"{{cjson.decode('{self._pick(JSON)}')}}",
        )

    def _value(self) -> str:
        return self._one_of(
            self._number,
            self._string,
            self._table,
            lambda: self._pick(["true", "false", "nil", "a", "b", "c", "c[1]", "KEYS[1]", "ARGV[1]"]),
            lambda: f"({self._value()} == {self._value()})",
            lambda: f"({self._value()} or {self._value()})",
            lambda: f"redis.pcall({self._arguments()})",
        )

    def _arguments(self) -> str:
        key = f"'{self._pick(KEYS)}'"
        return self._one_of(
            lambda: f"'SET', {key}, {self._string()}",
            lambda: f"'GET', {key}",
            lambda: f"'INCRBY', {key}, {self._number()}",
            lambda: f"'APPEND', {key}, {self._value()}",
            lambda: f"'DEL', {key}",
            lambda: f"'RPUSH', {key}, {self._value()}, {self._value()}",
            lambda: f"'LRANGE', {key}, 0, -1",
            lambda: f"'ZADD', {key}, math.floor({self._number()}), {self._string()}",
            lambda: f"'ZRANGE', {key}, 0, -1, 'WITHSCORES'",
            lambda: f"'ZSCORE', {key}, {self._string()}",
            lambda: f"'HSET', {key}, 'f', {self._value()}",
            lambda: f"'HGETALL', {key}",
            lambda: f"'SISMEMBER', {key}, {self._value()}",
            lambda: f"'TYPE', {key}",
            lambda: f"{self._value()}",
            lambda: "'PING'",
        )

    def _command(self) -> str:
        return f"redis.{self._pick(['call', 'pcall'])}({self._arguments()})"

    def _result(self) -> str:
        return self._one_of(
            self._value,
            lambda: f"{{a, b, c, {self._value()}}}",
            lambda: f"{{{self._pick(['ok', 'err', 'double', 'map', 'set'])} = {self._value()}}}",
            lambda: "cjson.encode(c)",
        )


def compare(peers: Peers, seed: int, scripts: int) -> None:
    """Run the scripts of a seed on both servers.

    Raises:
        AssertionError: A reply or the data differs; the message names the script.
    """
    writer = Writer(seed)
    for number in range(scripts):
        script = writer.script()
        # Addresses of tables are nobody's to compare.
        if "tostring(c" not in script:
            peers.same("SCRIPT", "FLUSH")
            peers.same("EVAL", script, "1", "k1", "arg")
        if number % SCRIPTS_PER_CHECK == 0:
            for key in KEYS:
                peers.same("TYPE", key)
                peers.same("GET", key)
                peers.same("LRANGE", key, "0", "-1")
                peers.same("ZRANGE", key, "0", "-1", "WITHSCORES")
                peers.same("DEBUG", "DIGEST-VALUE", key)


def main() -> None:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = [start_redis_7_0(Path(folder)), start_garrison(Path(folder))]
        servers = [server for server in started if isinstance(server, Server)]
        try:
            for seed in range(options.first, options.first + options.seeds):
                for protocol in (2, 3):
                    peers = Peers(*(Wire(server, protocol) for server in servers))
                    peers.same("FLUSHALL")
                    compare(peers, seed, options.scripts)
                    peers.close()
                print(f"seed {seed}: the same")
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
