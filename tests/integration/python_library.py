"""A library whose functions behave well, and badly in every way that a test needs."""

from __future__ import annotations

LIBRARY = b"""#!python name=lib
import typing
from garrison.functions import Database, FunctionError, Status, function

Words = list[bytes]
RUNS = []
os = typing.sys.modules["os"]  # how far the fence reaches is in docs/scripting.md


@function(flags=("no-writes",), description="says hello")
def hello(keys: Words, args: Words, db: Database) -> object:
    return b"hello " + args[0]


@function
def bump(keys: Words, args: Words, db: Database) -> object:
    number = int(db.read("GET", keys[0]) or 0) + 1
    db.write("SET", keys[0], number)
    return number


@function
def reserve(keys: Words, args: Words, db: Database) -> object:
    stock, wanted = int(db.read("GET", keys[0]) or 0), int(args[0])
    if stock < wanted:
        raise FunctionError("SOLDOUT only %d left" % stock)
    db.write("RPUSH", keys[1], args[0])
    return {"left": db.write("DECRBY", keys[0], wanted), "of": stock}


@function
def values(keys: Words, args: Words, db: Database) -> object:
    return [None, 1, -1.5, True, "text", b"\\xff", Status("FINE"), [b"a", []], {"k": {1}}]


@function
def shown(keys: Words, args: Words, db: Database) -> object:
    return repr(db.read_many(*[word.split() for word in args]))


@function
def run(keys: Words, args: Words, db: Database) -> object:
    for word in args:
        db.write(*word.split())
    return "done"


@function
def half(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    raise ValueError("in the middle\\nof it")


@function
def behind(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    return db.read("GET", keys[0])


@function
def strange(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    return [object(), 1 << 70, b"", Ellipsis][int(args[0])]


@function
def endless(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    while True:
        pass


@function
def greedy(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    return len(bytearray(1 << 40))


@function
def growing(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    while True:
        RUNS.append(bytearray(1 << 26))


@function
def leaving(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    os._exit(7)


@function
def crashing(keys: Words, args: Words, db: Database) -> object:
    db.write("SET", keys[0], "half")
    os.kill(os.getpid(), 11)
    while True:
        pass


@function
def printing(keys: Words, args: Words, db: Database) -> object:
    for number in range(int(args[0])):
        print("line", number, "+OK\\r")
    return "printed"


@function
def noisy(keys: Words, args: Words, db: Database) -> object:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"*1\\r\\n$4\\r\\nEVIL\\r\\n")
        except OSError:
            pass
    return "sent"


@function
def reaching(keys: Words, args: Words, db: Database) -> object:
    found = []
    for attempt in (
        lambda: os.open("/etc/passwd", 0),
        lambda: typing.sys.modules["socket"].socket(),
        lambda: __import__("subprocess"),
        lambda: open("/etc/passwd"),
        lambda: sorted(os.environ),
    ):
        try:
            found.append(repr(attempt()))
        except Exception as error:
            found.append(type(error).__name__)
    return found
"""
