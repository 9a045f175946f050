"""A desired state as people write it, and what is said about mistakes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.manager.desired import DesiredState, Harm, Limits
from garrison.cluster.core.manager.desired_text import DESIRED_BYTES_MAX, load_desired

WHOLE = """
# A comment.
name: shop
mode: act
shards: 3
zones: [a, b]
nodes:
  10.0.0.7:7001: {zone: a, weight: 0.5}
limits:
settings:
  appendonly: yes
  maxmemory: 1073741824
release: 7.20
windows:
  - days: [mon, sun]
    begins: 12:30
    ends: 01:00
backups:
  - target: /backups
    prove_every_s: null
"""


def loaded(text: str | bytes) -> DesiredState:
    desired = load_desired(text)
    assert isinstance(desired, DesiredState), desired
    return desired


def refused(text: str | bytes) -> list[str]:
    desired = load_desired(text)
    assert isinstance(desired, tuple)
    return [str(each) for each in desired]


def test_plain_values_stay_what_they_are() -> None:
    desired = loaded(WHOLE)
    assert desired.settings == {"appendonly": "yes", "maxmemory": "1073741824"}
    assert desired.release == "7.20"
    assert desired.windows[0].begins.isoformat() == "12:30:00"
    assert desired.backups[0].prove_every_s is None
    assert desired.nodes["10.0.0.7:7001"].weight == 0.5


def test_stored_form_is_read_again() -> None:
    desired = loaded(WHOLE)
    assert loaded(desired.model_dump_json()) == desired
    assert loaded(json.dumps(desired.model_dump(mode="json"), indent=1)) == desired


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "{}", "---\n"])
def test_empty_text_asks_for_nothing(text: str) -> None:
    assert loaded(text) == DesiredState()


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("shard: 3", "shard: there is no such word; did you mean shards?"),
        ("shards: 0", "shards: '0' is too small; write 1 or more"),
        ("shards: x", "shards: 'x' is not a number that can stand here; write one as 3"),
        ("nodes: {a: {zon: x}}", "nodes.a.zon: there is no such word; did you mean zone?"),
        (
            "nodes: {10.0.0.7:7001: {weight: -1}}",
            "nodes.10.0.0.7:7001.weight: '-1' is too small; write 0 or more",
        ),
        ("windows: [{begins: 750}]", "windows.0.begins: '750' is not a time of day; write HH:MM, as 02:30"),
        ("mode: acts", "mode: 'acts' is not known here; write one of 'dry-run' or 'act'"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed in this context; correct it"),
        ("spares: x", "spares: 'x' is not a list; write each entry on a line of its own, after a dash"),
        ("settings: 3", "settings: '3' is not a part with names; write lines such as `name: value` under it"),
        ("shards: 3\nshards: 4", "shards: line 2: it stands there twice; leave one out"),
        ('{"shards": 3, "shards": 4}', "shards: stands there twice; leave one out"),
        ("a: &x [1]\nb: *x", "line 1: anchors and aliases are not read; write the part out"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins; write one"),
        (
            "zones: [a]\nnodes: {n: {zone: b}}",
            "nodes.n.zone: 'b' is not one of `zones`; add it to `zones` or name one of them",
        ),
        ("nodes: {a: {drain: maybe}}", "nodes.a.drain: 'maybe' is neither true nor false; write one of them"),
        (
            "limits: {memory_percent_max: 101}",
            "limits.memory_percent_max: '101' is too large; write 100 or less",
        ),
        ("limits: {cpu_percent_max: 0}", "limits.cpu_percent_max: '0' is too small; write more than 0"),
        (
            "windows: [{timezone: Mars}]",
            "windows.0.timezone: 'Mars' is not a time zone of this machine; write one as Europe/Berlin",
        ),
        ("backups: [{target: ''}]", "backups.0.target: it is empty; write something, or leave it out"),
    ],
)
def test_refusal_has_path_and_advice(text: str, refusal: str) -> None:
    assert refused(text) == [refusal]


NUMBERS = [
    "nodes: {a: {weight: VALUE}}",
    "node_dead_after_s: VALUE",
    *(f"limits: {{{name}: VALUE}}" for name in Limits.model_fields),
    "balance: {threshold_percent: VALUE}",
    *(f"harm: {{{name}: VALUE}}" for name in Harm.model_fields),
    *(f"backups: [{{target: /b, {name}: VALUE}}]" for name in ("every_s", "keep", "prove_every_s")),
    "shards: VALUE",
    "replicas_per_shard: VALUE",
]


@pytest.mark.parametrize("value", ["inf", "nan", "1e308", "9" * 400])
@pytest.mark.parametrize("document", NUMBERS)
def test_number_without_bound_is_refused(document: str, value: str) -> None:
    """A planner that reckons with it would fail, or never act."""
    (refusal,) = refused(document.replace("VALUE", value))
    assert "is too large" in refusal or "is not a number" in refusal or "is too small" in refusal


TEXTS = [
    {"name": "VALUE"},
    {"zones": ["VALUE"]},
    {"nodes": {"VALUE": {}}},
    {"nodes": {"a": {"zone": "VALUE"}}},
    {"nodes": {"a": {"host": "VALUE"}}},
    {"spares": ["VALUE:1"]},
    {"settings": {"VALUE": "1"}},
    {"settings": {"maxmemory": "VALUE"}},
    {"release": "VALUE"},
    {"backups": [{"target": "/VALUE"}]},
    {"VALUE": "1"},
]


@pytest.mark.parametrize("value", ["a\x1b[2J", "a\r\nb", "a\0", "\ud800", "a\u202e", "a" * 5_000])
@pytest.mark.parametrize("document", TEXTS)
def test_text_that_is_not_one_line_is_refused(document: dict[str, object], value: str) -> None:
    """Terminals and logs show it, paths and command lines are made of it."""
    found = refused(json.dumps(document).replace("VALUE", json.dumps(value)[1:-1]))
    assert all(each.isprintable() and len(each) < 700 for each in found)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        '{"a":' * 5000,
        "a:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 900)),
        b"\xff\xfe",
        "\x00",
        "!!python/object/apply:os.system [ls]",
        "x" * (DESIRED_BYTES_MAX + 1),
        "- a\n- b",
        "just words",
        "[1]: 2",
        "{? [a] : b}",
        "spares: [" + "a," * 60_000 + "]",
    ],
)
def test_hostile_text_is_refused_in_one_sentence(text: str | bytes) -> None:
    (refusal,) = refused(text)
    assert len(refusal) < 200


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(st.sampled_from([*DesiredState.model_fields, "x", "zone"]), part, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES)
def test_any_json_is_read_or_refused(tree: object) -> None:
    desired = load_desired(json.dumps(tree))
    assert isinstance(desired, DesiredState) or all(refusal.reason for refusal in desired)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#?,% \n\t01", max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    desired = load_desired(text)
    assert isinstance(desired, DesiredState) or all(refusal.reason for refusal in desired)
