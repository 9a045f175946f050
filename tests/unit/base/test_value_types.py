"""What values may be, and the refusals that Redis 7.0 gives (compared with a real one in tests/commands)."""

from __future__ import annotations

import pytest

from garrison.base.value_types import Use, memory_text, parse_memory
from garrison.node.directives import ALIASES, DIRECTIVES, find


@pytest.mark.parametrize("name", sorted(DIRECTIVES))
def test_every_default_is_canonical_and_reads_back(name: str) -> None:
    row = DIRECTIVES[name]
    if row.default:
        assert row.value_type.canonical(row.default) == row.default
    assert row.help.endswith(".")
    assert row.value_type.allowed


def test_aliases_are_no_directives_of_their_own() -> None:
    assert not set(ALIASES) & set(DIRECTIVES)
    assert find("SLAVEOF") is DIRECTIVES["replicaof"]
    assert find("nothing") is None


def test_what_is_refused_is_at_its_safe_default() -> None:
    refused = [row for row in DIRECTIVES.values() if row.use is Use.REFUSED]
    assert refused
    assert {row.default for row in refused} <= {"", "0", "no"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        ("5", 5),
        ("1k", 1000),
        ("1kb", 1024),
        ("2MB", 2 << 20),
        ("1gb", 1 << 30),
        ("7b", 7),
        ("-1", -1),
    ],
)
def test_memory(text: str, value: int) -> None:
    assert parse_memory(text) == value


@pytest.mark.parametrize("text", ["x", "1.5mb", "10zb", "mb1", "1 mb"])
def test_not_memory(text: str) -> None:
    assert parse_memory(text) is None


@pytest.mark.parametrize(
    ("text", "written"), [("1073741824", "1gb"), ("1048576", "1mb"), ("1000", "1000"), ("0", "0")]
)
def test_memory_is_written_with_its_unit(text: str, written: str) -> None:
    assert memory_text(text) == written


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("appendonly", "YES", "yes"),
        ("loglevel", "Notice", "notice"),
        ("hz", "5000", "500"),
        ("maxmemory", "10mb", "10485760"),
        ("maxmemory-clients", "05%", "5%"),
        ("unixsocketperm", "755", "755"),
        ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "gKx$d", "g$xdK"),
        ("notify-keyspace-events", "KEmtn", "tnKEm"),
        ("notify-keyspace-events", "AKEmnt", "AnKEm"),
        ("latency-tracking-info-percentiles", "50.0 99.50 0.001", "50 99.5 0.001"),
        ("shutdown-on-sigterm", "force now", "now force"),
        ("bind", " 127.0.0.1   ::1 ", "127.0.0.1 ::1"),
        ("save", "3600 1 60 2", "3600 1 60 2"),
    ],
)
def test_canonical_forms(name: str, given: str, kept: str) -> None:
    assert DIRECTIVES[name].value_type.canonical(given) == kept


@pytest.mark.parametrize(
    ("name", "given", "refusal"),
    [
        ("maxclients", "abc", "couldn't be parsed into an integer"),
        ("maxclients", "0", "must be between 1 and 4294967295 inclusive"),
        ("hz", "-9999999999999999999", "couldn't be parsed into an integer"),
        ("hz", "+5", "couldn't be parsed"),
        ("port", "", "couldn't be parsed"),
        ("maxmemory", "-1", "must be a memory value"),
        ("maxmemory-clients", "500%", "less or equal to 100"),
        ("maxmemory-policy", "lru", "must be one of the following: volatile-lru"),
        ("appendonly", "maybe", "must be 'yes' or 'no'"),
        ("save", "0 5", "Invalid save parameters"),
        ("save", "3600 1 60", "Invalid save parameters"),
        ("client-output-buffer-limit", "normal 1mb 2mb", "Wrong number"),
        ("client-output-buffer-limit", "master 1 2 3", "Invalid client class"),
        ("oom-score-adj-values", "1 2 5000", "between -2000 and 2000"),
        ("shutdown-on-sigterm", "save nosave", "simultaneously"),
        ("cluster-announce-hostname", "a b", "alphanumeric"),
        ("cluster-announce-hostname", "a" * 256, "less than 256"),
        ("dbfilename", "a/b", "can't be a path"),
    ],
)
def test_refusals(name: str, given: str, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        DIRECTIVES[name].value_type.canonical(given)


def test_buffer_limits_change_only_the_classes_they_name() -> None:
    kind = DIRECTIVES["client-output-buffer-limit"].value_type
    kept = kind.canonical_words(["replica", "1mb", "2mb", "3"], "normal 9 9 9 slave 0 0 0 pubsub 8 8 8")
    assert kept == "normal 9 9 9 slave 1048576 2097152 3 pubsub 8 8 8"
