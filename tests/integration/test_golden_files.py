"""Every type in every encoding: others' files read by ours, our full sync read by a real Redis 7.0."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from tests.integration.golden_files import FAR_MS, FOLDER, digests, every_type, fill
from tests.integration.replicating import Field, Process

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

DEBUG = ("--enable-debug-command", "yes")
FILES = ("redis-7.0", "valkey-9.1")


class FileServer(threading.Thread):
    """A primary that knows one full sync, of a file, and nothing else."""

    def __init__(self, rdb: bytes) -> None:
        super().__init__(daemon=True)
        self.rdb = rdb
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def run(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                word = line.strip().upper()
                if word == b"PSYNC":
                    head = b"+FULLRESYNC %b 0\r\n$%d\r\n" % (b"c" * 40, len(self.rdb))
                    connection.sendall(head + self.rdb)
                elif word == b"PING":
                    connection.sendall(b"+PONG\r\n")
                elif word == b"REPLCONF":
                    connection.sendall(b"+OK\r\n")


def expected_of(name: str) -> dict[str, str]:
    """The digests in `NAME.json`, but Redis 7.0's where it has the key: Valkey 9 writes scores otherwise."""
    own, redis = (json.loads((FOLDER / f"{file}.json").read_text()) for file in (name, "redis-7.0"))
    return {key: redis.get(key, digest) for key, digest in own.items()}


def without_field_expiry(found: dict[str, str]) -> dict[str, str]:
    """Digests of keys that Redis 7.0 can have."""
    return {key: digest for key, digest in found.items() if not key.startswith("hash:expiring")}


@pytest.mark.parametrize("name", FILES)
def test_file_of_another_server_is_read_whole(field: Field, name: str) -> None:
    source = FileServer((FOLDER / f"{name}.rdb").read_bytes())
    source.start()
    node = field.start("garrison", *DEBUG)
    node.call("REPLICAOF", "127.0.0.1", source.port)
    node.until(lambda: node.client.dbsize() == len(expected_of(name)), "the file is read")
    assert without_field_expiry(digests(node.client)) == without_field_expiry(expected_of(name))
    assert node.call("PEXPIRETIME", "string:expiring") == FAR_MS
    assert node.call("XPENDING", "stream", "readers")["pending"] == 5
    if name == "valkey-9.1":
        assert node.call("HPEXPIRETIME", "hash:expiring", "FIELDS", 3, "a", "b", "c") == [FAR_MS, FAR_MS, -1]
        assert node.call("HPEXPIRETIME", "hash:expiring:many", "FIELDS", 1, "f7") == [FAR_MS + 1]


def encodings(process: Process) -> dict[str, bytes]:
    keys = sorted(process.call("KEYS", "*"))
    return {key.decode(): process.call("OBJECT", "ENCODING", key) for key in keys}


def test_real_redis_reads_our_full_sync_of_every_type(field: Field) -> None:
    ours, theirs = field.start("garrison", *DEBUG), field.start("redis", *DEBUG)
    fill(ours.client, every_type())
    fill(theirs.client, [])
    own = digests(ours.client)
    assert own == expected_of("redis-7.0")
    theirs.follow(ours)
    theirs.wait_for(ours)
    assert digests(theirs.client) == own
    # A small set of strings is packed since Redis 7.2.
    packed = {"set:strings"}
    assert {key: name for key, name in encodings(theirs).items() if key not in packed} == {
        key: name for key, name in encodings(ours).items() if key not in packed
    }
    for key in own:
        payload, expires_ms = theirs.call("DUMP", key), max(theirs.call("PEXPIRETIME", key), 0)
        ours.call("RESTORE", "copy", expires_ms, payload, "REPLACE", "ABSTTL")
        assert ours.call("DEBUG", "DIGEST-VALUE", "copy")[0].decode() == own[key], key
