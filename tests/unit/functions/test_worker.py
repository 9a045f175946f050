"""A worker that serves one connection, the test in the place of the node."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import hiredis
import pytest

from garrison.functions.core.messages import packed
from garrison.functions.worker import Closed, Worker

SOURCE = b"""
from garrison.functions import function
@function
def bump(keys, args, db):
    number = int(db.read("GET", keys[0]) or 0) + 1
    return [number, db.write("SET", keys[0], number)]
"""


class Node:
    """The other end of a worker's connection."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.connection = ours
        self.connection.settimeout(10)
        self.reader = hiredis.Reader()
        self.thread = threading.Thread(target=self._serve, args=(theirs,), daemon=True)
        self.thread.start()

    def _serve(self, theirs: socket.socket) -> None:
        with theirs:
            try:
                Worker(theirs).serve()
            except Closed:
                pass

    def send(self, *words: bytes | int) -> None:
        self.connection.sendall(packed(*words))

    def receive(self) -> object:
        while (message := self.reader.gets()) is False:
            self.reader.feed(self.connection.recv(4096))
        return message


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    node.send(b"LOAD", b"lib", SOURCE)
    yield node
    node.connection.close()
    node.thread.join(10)


def test_call_reads_and_returns_its_writes(node: Node) -> None:
    node.send(b"CALL", b"lib", b"BUMP", 2, 1, b"k", b"arg")
    assert node.receive() == [b"READ", b"2", b"GET", b"k"]
    node.send(b"REPLIES", b"$1\r\n4\r\n")
    head = b"*2\r\n:5\r\n"
    assert node.receive() == [b"DONE", b"2", head, b"", b"0", b"3", b"SET", b"k", b"5"]


def test_stopped_call_ends_and_the_next_one_is_served(node: Node) -> None:
    node.send(b"CALL", b"lib", b"bump", 2, 1, b"k")
    node.receive()
    node.send(b"STOP")
    assert node.receive() == [b"FAIL", b"ERR the call was stopped"]
    node.send(b"CALL", b"lib", b"bump", 2, 1, b"k")
    node.receive()
    node.send(b"REPLIES", b"-WRONGTYPE no\r\n")
    assert node.receive() == [b"FAIL", b"WRONGTYPE no (function 'bump' on line 5)"]


def test_library_that_cannot_be_loaded_is_told_at_each_call(node: Node) -> None:
    node.send(b"LOAD", b"lib", b"1 / 0")
    for _ in range(2):
        node.send(b"CALL", b"lib", b"bump", 2, 0)
        text = b"ERR Error loading library 'lib' on line 1: ZeroDivisionError: division by zero"
        assert node.receive() == [b"FAIL", text]


def test_registered_names_are_compared(node: Node) -> None:
    node.send(b"CALL", b"lib", b"", 2, 0, b"bump")
    assert node.receive() == [b"DONE", b"1", b""]
    node.send(b"CALL", b"lib", b"", 2, 0, b"bump", b"other")
    message = node.receive()
    assert isinstance(message, list)
    assert b"has decorators for bump, other, but registers bump" in message[1]
