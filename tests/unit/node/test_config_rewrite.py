"""CONFIG REWRITE keeps what people wrote and yields exactly the values that hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.base.config_text import lines_of
from garrison.node.config import Config, load
from garrison.node.config_rewrite import SIGNATURE, rewrite
from garrison.node.directives import DIRECTIVES

FILE = """\
# my comment
port 7000
  # indented comment

maxmemory 10mb
save 900 1
save 300 10
slave-priority 50
requirepass "a b"
include more.conf
"""


def values(**changes: str) -> dict[str, str]:
    held = {name: row.default for name, row in DIRECTIVES.items()}
    held |= {"port": "7000", "maxmemory": "10485760", "save": "900 1 300 10", "requirepass": "a b"}
    held |= {"replica-priority": "50"}
    return held | {name.replace("_", "-"): value for name, value in changes.items()}


def test_what_still_holds_stays_letter_by_letter() -> None:
    assert rewrite(FILE, values()) == FILE.replace("slave-priority", "replica-priority")


def test_a_change_is_made_in_place() -> None:
    new = rewrite(FILE, values(maxmemory="104857600"))
    assert new.splitlines()[4] == "maxmemory 100mb"


def test_surplus_lines_go() -> None:
    new = rewrite(FILE, values(save="60 5")).splitlines()
    assert [line for line in new if line.startswith("save")] == ["save 60 5"]
    assert 'save ""' in rewrite(FILE, values(save=""))


def test_what_is_new_is_appended_below_the_signature_once() -> None:
    once = rewrite(FILE, values(timeout="5"))
    assert once.endswith(f"\n{SIGNATURE}\ntimeout 5\n")
    twice = rewrite(once, values(timeout="5", hz="20"))
    assert twice.count(SIGNATURE) == 1
    assert twice.endswith("timeout 5\nhz 20\n")


def test_directive_back_at_default_is_rewritten_in_place() -> None:
    assert "timeout 0" in rewrite("timeout 5\n", {name: row.default for name, row in DIRECTIVES.items()})


def test_an_empty_file_gets_only_what_differs() -> None:
    held = {name: row.default for name, row in DIRECTIVES.items()} | {"port": "7001"}
    assert rewrite("", held) == f"{SIGNATURE}\nport 7001\n"


def test_a_replica_that_was_promoted_forgets_its_primary() -> None:
    assert "replicaof no one" in rewrite(
        "replicaof a 1\n", {name: row.default for name, row in DIRECTIVES.items()}
    )


SOME = {
    "maxmemory": st.integers(0, 1 << 40).map(str),
    "save": st.lists(st.tuples(st.integers(1, 99), st.integers(0, 99)), max_size=3).map(
        lambda pairs: " ".join(f"{seconds} {changes}" for seconds, changes in pairs)
    ),
    "requirepass": st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=12),
    "notify-keyspace-events": st.sampled_from(["", "AKE", "g$xdK", "nKEm"]),
    "replicaof": st.sampled_from(["", "10.0.0.1 6379"]),
    "appendonly": st.sampled_from(["yes", "no"]),
    "bind": st.sampled_from(["* -::*", "127.0.0.1", "127.0.0.1 -::1"]),
    "client-output-buffer-limit": st.sampled_from(
        [DIRECTIVES["client-output-buffer-limit"].default, "normal 1 2 3 slave 1048576 0 0 pubsub 5 5 5"]
    ),
}


@given(st.fixed_dictionaries(SOME), st.fixed_dictionaries(SOME))
def test_what_is_written_reads_back(before: dict[str, str], after: dict[str, str]) -> None:
    defaults = {name: row.default for name, row in DIRECTIVES.items()}
    config = Config()
    for line in lines_of(rewrite(rewrite("# top\n", defaults | before), defaults | after), "file"):
        config.apply(line)
    assert config.values == defaults | after


def test_the_lines_of_sentinel_peers_stay_lines() -> None:
    text = "sentinel-peers one 10.0.0.1 26379 10.0.0.2 26379\nsentinel-peers two s3 1\n"
    value = "one 10.0.0.1 26379 10.0.0.2 26379\ntwo s3 1"
    defaults = load([]).values
    assert rewrite("", defaults | {"sentinel-peers": value}).endswith(text)
    assert rewrite(text, defaults | {"sentinel-peers": value}) == text
    assert "10.0.0.1" not in rewrite(text, defaults | {"sentinel-peers": ""})
    assert load(["--sentinel-peers", "one", "s1", "1", "--sentinel-peers", "two", "s2", "2"]).text(
        "sentinel-peers"
    ) == ("one s1 1\ntwo s2 2")


def test_whole_rewrite_names_every_directive() -> None:
    text = rewrite(FILE, values(), whole=True)
    assert text.startswith("# my comment\nport 7000\n")
    named = {line.split()[0] for line in text.splitlines() if line and not line.lstrip().startswith("#")}
    assert {name for name, row in DIRECTIVES.items() if not row.file_only} <= named
