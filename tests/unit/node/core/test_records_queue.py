"""Answers to managers leave behind the write that they rest on, and never without it."""

from __future__ import annotations

from garrison.node.core.effects import Promised
from garrison.node.core.records_queue import RecordsQueue

OK = b"+OK\r\n"
REFUSED = b"-ERR the-file cannot be written, so nothing is promised: disk full\r\n"


def queue(text: str | None, *tickets: int) -> RecordsQueue:
    fresh = RecordsQueue("the-file")
    fresh.add(text, [Promised(ticket, OK) for ticket in tickets])
    return fresh


def test_answer_waits_for_its_text() -> None:
    answers = queue("a", 1)
    assert answers.begin() == "a"
    assert answers.take() == []
    answers.ended("")
    assert answers.take() == [(1, OK)]
    assert answers.begin() is None


def test_answer_without_a_change_leaves_at_once() -> None:
    answers = queue(None, 1)
    assert answers.begin() is None
    assert answers.take() == [(1, OK)]


def test_answer_during_a_write_waits_too() -> None:
    answers = queue("a", 1)
    answers.begin()
    answers.add(None, [Promised(2, OK)])
    answers.add("b", [Promised(3, OK)])
    answers.add("c", [])
    assert answers.begin() is None
    assert answers.take() == []
    answers.ended("")
    assert answers.begin() == "c", "b was overtaken"
    assert answers.take() == [(1, OK)]
    answers.ended("")
    assert answers.take() == [(2, OK), (3, OK)]


def test_failed_write_promises_nothing_and_is_made_again() -> None:
    answers = queue("a", 1)
    answers.begin()
    answers.ended("disk full")
    assert answers.take() == [(1, REFUSED)]
    assert answers.begin() is None, "nobody waits"
    answers.add(None, [Promised(2, OK)])
    assert answers.begin() == "a"
    assert answers.take() == []
    answers.ended("")
    assert answers.take() == [(2, OK)]


def test_failed_write_gives_way_to_a_younger_text() -> None:
    answers = queue("a", 1)
    answers.begin()
    answers.add("b", [Promised(2, OK)])
    answers.ended("disk full")
    assert answers.begin() == "b"
    assert answers.take() == [(1, REFUSED)]
    answers.ended("")
    assert answers.take() == [(2, OK)]


def test_text_for_which_nobody_waits_is_written() -> None:
    assert queue("a").begin() == "a"
