"""From an error to a decision, row by row, and the backoff's bounds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.client.core.commands import Retry
from garrison.client.core.routing import Action, Decision, backoff, decide
from garrison.client.core.topology import Address
from garrison.client.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    ConnectionLostError,
    ProtocolError,
    TooManyWaitingError,
    TopologyError,
    UsageError,
    reply_error,
)

PAUSE, REFRESH, FAIL = Decision(Action.PAUSE), Decision(Action.PAUSE, refresh=True), Decision(Action.FAIL)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (reply_error("MOVED 5 h:1"), Decision(Action.GO, Address("h", 1), 5, refresh=True)),
        (reply_error("MOVED 5 ?:1"), Decision(Action.GO, Address("", 1), 5, refresh=True)),
        (reply_error("MOVED 5 ::1:7000"), Decision(Action.GO, Address("::1", 7000), 5, refresh=True)),
        (reply_error("ASK 5 h:1"), Decision(Action.ASK, Address("h", 1))),
        (reply_error("TRYAGAIN x"), PAUSE),
        (reply_error("BUSY x"), PAUSE),
        (reply_error("CLUSTERDOWN x"), REFRESH),
        (reply_error("LOADING x"), REFRESH),
        (reply_error("MASTERDOWN x"), REFRESH),
        (reply_error("READONLY x"), REFRESH),
        (reply_error("WRONGTYPE x"), FAIL),
        (reply_error("NOSCRIPT x"), FAIL),
        (reply_error("ERR x"), FAIL),
        (reply_error(""), FAIL),
        (ConnectionFailedError("x"), REFRESH),
        (TopologyError("x"), REFRESH),
        (CallTimeoutError("x", maybe_executed=True), FAIL),
        (ProtocolError("x"), FAIL),
        (TooManyWaitingError("x"), FAIL),
        (UsageError("x"), FAIL),
    ],
)
def test_each_error_has_its_decision(error: Exception, expected: Decision) -> None:
    for retry in Retry:
        assert decide(error, retry, "safe", finds_primaries=True) == expected


def test_lost_connection_is_retried_by_class_and_policy() -> None:
    unsent = ConnectionLostError("x", maybe_executed=False)
    sent = ConnectionLostError("x", maybe_executed=True)
    for policy in ("safe", "always", "never"):
        for retry in Retry:
            assert decide(unsent, retry, policy, finds_primaries=True) == REFRESH
    repeated = {
        (policy, retry.value)
        for policy in ("safe", "always", "never")
        for retry in Retry
        if decide(sent, retry, policy, finds_primaries=True) == REFRESH
    }
    always = {("always", "read"), ("always", "state"), ("always", "once")}
    assert repeated == {("safe", "read"), ("safe", "state")} | always


def test_a_lone_replica_is_not_waited_for() -> None:
    assert decide(reply_error("READONLY x"), Retry.STATE, "safe", finds_primaries=False) == FAIL


@pytest.mark.parametrize("text", ["MOVED", "MOVED x h:1", "ASK 5", "ASK 5 host", "MOVED 5 h:p"])
def test_an_unreadable_redirect_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError, match="redirect"):
        reply_error(text)


@given(st.integers(1, 1000), st.integers())
def test_backoff_grows_to_its_bound_with_jitter(attempt: int, seed: int) -> None:
    pause = backoff(attempt, 0.01, 0.25, Random(seed))
    full = min(0.25, 0.01 * 2 ** min(attempt - 1, 30))
    assert full / 2 <= pause <= full
