"""Rewriting: what a Sentinel owns is replaced, everything else stays letter by letter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.base.config_text import lines_of
from garrison.sentinel.config.rewrite import SIGNATURE, rewrite

STATE = ("sentinel myid x", "sentinel monitor a 127.0.0.1 2 2", "sentinel config-epoch a 1")


def test_comments_order_and_other_directives_stay() -> None:
    text = "# mine\n\nport 1\nsentinel  monitor   a 127.0.0.1 1 2\n# and this\nloglevel debug\n"
    assert rewrite(text, STATE) == (
        "# mine\n\nport 1\nsentinel monitor a 127.0.0.1 2 2\n# and this\nloglevel debug\n\n"
        f"{SIGNATURE}\nsentinel myid x\nsentinel config-epoch a 1\n"
    )


def test_a_line_that_still_holds_keeps_its_letters() -> None:
    text = 'sentinel  Monitor "a" 127.0.0.1 2 2\n'
    assert rewrite(text, STATE[1:2]) == text


def test_rewriting_twice_changes_nothing() -> None:
    once = rewrite("port 1\n", STATE)
    assert rewrite(once, STATE) == once
    assert once.count(SIGNATURE) == 1


def test_lines_without_a_successor_go() -> None:
    text = "sentinel monitor a ::1 1 1\nsentinel known-slave a ::1 2\nsentinel known-replica a ::1 3\n"
    new = rewrite(text, ["sentinel monitor a ::1 1 1", "sentinel known-replica a ::1 3"])
    assert new == "sentinel monitor a ::1 1 1\nsentinel known-replica a ::1 3\n"


def test_an_empty_file_is_filled() -> None:
    assert rewrite("", STATE[:1]) == f"{SIGNATURE}\nsentinel myid x\n"


def test_users_are_replaced_only_when_given() -> None:
    text = "user joe on >clear\n"
    assert rewrite(text, []) == text
    assert rewrite(text, [], ["user default on", "user joe off"]) == (
        f"user default on\n\n{SIGNATURE}\nuser joe off\n"
    )
    assert rewrite(text, [], []) == "\n"


def test_changed_directives_take_their_place() -> None:
    assert (
        rewrite("loglevel debug\nport 1\n", [], None, {"loglevel": "notice"}) == "loglevel notice\nport 1\n"
    )


words = st.text(st.characters(codec="ascii", exclude_characters="\n\r\0"), min_size=1, max_size=8)
state_lines = st.lists(
    st.tuples(st.sampled_from(["monitor", "known-replica", "auth-pass"]), st.integers(0, 5)).map(
        lambda pair: f"sentinel {pair[0]} a {pair[1]}"
    ),
    unique=True,
    max_size=8,
)
old_lines = st.lists(
    st.one_of(
        words.map(lambda word: f"# {word}"),
        st.integers(0, 5).map(lambda number: f"sentinel monitor a {number}"),
        st.integers(0, 5).map(lambda number: f"sentinel known-slave a {number}"),
        st.integers(0, 5).map(lambda number: f"hz {number}"),
        st.just(""),
    ),
    max_size=12,
)


@given(old_lines, state_lines)
def test_the_new_text_says_exactly_the_state_and_keeps_the_rest(old: list[str], state: list[str]) -> None:
    text = "\n".join(old)
    new = rewrite(text, state)
    said = [" ".join(line.words).replace("known-slave", "known-replica") for line in lines_of(new, "new")]
    assert sorted(line for line in said if line.startswith("sentinel ")) == sorted(state)
    kept = [line for line in old if line and not line.startswith("sentinel ")]
    assert [line for line in new.split("\n") if line in kept and line != SIGNATURE] == kept
    assert rewrite(new, state) == new
