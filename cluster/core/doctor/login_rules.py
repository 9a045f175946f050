"""Configuration: who is let in, and with which password."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import LOOPBACK, NodeReading
from garrison.cluster.core.doctor.rule import Found, Rule, at

GUESSED_PASSWORDS = (
    *("foobared", "redis", "valkey", "garrison", "password", "passw0rd", "secret", "changeme", "default"),
    *("admin", "root", "test", "guest", "pass", "1234", "12345", "123456", "12345678", "qwerty", "letmein"),
    *("redis123", "redispassword", "mypassword", "yourpassword", "password123"),
)
GUESSED_DIGESTS = frozenset(hashlib.sha256(word.encode()).hexdigest() for word in GUESSED_PASSWORDS)
PASSWORD_LETTERS_MIN = 12
LOOPBACK_BINDS = LOOPBACK | {"-::1"}


def _open_to_all(node: NodeReading) -> Iterator[Found]:
    binds = set(node.setting("bind").split())
    only_local = bool(binds) and all(each.startswith("127.") or each in LOOPBACK_BINDS for each in binds)
    if node.nopass and node.setting("protected-mode") == "no" and not only_local:
        yield Found(
            "anybody who reaches the port is let in: no password, and protected-mode is off",
            "set a password (a long one of your own), or bind to private addresses only",
            (
                at(node, "CONFIG", "SET", "masterauth", "LONG-PASSWORD"),
                at(node, "CONFIG", "SET", "requirepass", "LONG-PASSWORD"),
            ),
            {"protected-mode": "no", "bind": node.setting("bind") or "every address"},
        )


def _weak_password(node: NodeReading) -> Iterator[Found]:
    guessed = bool(GUESSED_DIGESTS & (node.password_digests or frozenset()))
    length = len(node.setting("requirepass"))
    if guessed or 0 < length < PASSWORD_LETTERS_MIN:
        how = "is one of those that are tried first" if guessed else f"has only {length} characters"
        yield Found(
            f"the password of the default user {how}",
            "set a long random one, in masterauth first so that replicas find their way back",
            (
                at(node, "CONFIG", "SET", "masterauth", "LONG-PASSWORD"),
                at(node, "CONFIG", "SET", "requirepass", "LONG-PASSWORD"),
            ),
            {"length": length} if length else {},
            "error" if guessed else None,
        )


def _no_masterauth(node: NodeReading) -> Iterator[Found]:
    replicates = bool(node.replica_rows) or not node.is_primary
    if replicates and node.setting("requirepass") and not node.setting("masterauth"):
        yield Found(
            "requirepass is set and masterauth is not",
            "give it the password with which it logs in to its primary",
            (at(node, "CONFIG", "SET", "masterauth", "THE-PASSWORD"), at(node, "CONFIG", "REWRITE")),
        )


LOGIN_RULES = (
    Rule(
        "open-to-all",
        "error",
        "configuration",
        "no password, `protected-mode no` and bound to more than loopback",
        "Open ports are found within hours; then the data is read, wiped or replaced, and often the "
        "machine too.",
        ("nopass", "config:protected-mode", "config:bind"),
        node=_open_to_all,
    ),
    Rule(
        "weak-password",
        "warning",
        "configuration",
        "a password of a well-known list (an error), or with fewer than 12 characters",
        "A server answers many thousand guesses a second, so short and well-known passwords do not last.",
        ("password_digests", "config:requirepass"),
        node=_weak_password,
    ),
    Rule(
        "no-masterauth",
        "warning",
        "configuration",
        "`requirepass` without `masterauth` on a node that replicates",
        "After a failover it cannot log in to the new primary, and the shard stands without a copy.",
        ("config:requirepass", "config:masterauth", "info:role"),
        node=_no_masterauth,
    ),
)
