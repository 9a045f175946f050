"""A primary that came back without its data: who speaks against it, who for it, and who is waited for."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.sentinel.core import describe, explain, lost_data, selection
from garrison.sentinel.core.instances import Address, Replica
from garrison.sentinel.core.lost_data import DOUBT_MS_MAX, Speaks
from tests.unit.sentinel.core.sentinel_driver import PRIMARY, REPLICAS, Driver, info, info_of_replica, run_id

FIRST, SECOND = REPLICAS
OLD, NEW = "a" * 40, "b" * 40
"""Histories of the primary."""


def keys(count: int) -> dict[str, Any]:
    return {"db0": f"keys={count},expires=0"} if count else {}


def primary_info(life: int, count: int, history: str = OLD, **values: Any) -> bytes:
    return info(run_id=run_id(50 + life), master_replid=history, replicas=REPLICAS, **keys(count), **values)


def in_sync(number: int, count: int = 100) -> bytes:
    return info_of_replica(60 + number, **keys(count))


def cut_off(number: int, count: int = 100, seconds: int = 1, refuses: str = "") -> bytes:
    """A replica whose link to PRIMARY is down."""
    values: dict[str, object] = {"master_link_status": "down", "master_link_down_since_seconds": seconds}
    if refuses:
        values["master_sync_refused"] = f"younger-history,replid={refuses},offset=1,keys=0"
    return info_of_replica(60 + number, **keys(count), **values)


class Group(Driver):
    """A primary and two replicas in sync with it; `restart` gives the primary a new life."""

    def __init__(self, *, seen_with_keys: bool = True, **monitor: Any) -> None:
        super().__init__(**monitor)
        count = 100 if seen_with_keys else 0
        self.info[PRIMARY] = primary_info(0, count)
        self.info[FIRST], self.info[SECOND] = in_sync(0, count), in_sync(1, count)
        self.run(1_000)
        assert len(self.primary.replicas) == 2

    def restart(self, count: int = 0, life: int = 1, **values: Any) -> None:
        """It is killed, and another process answers at once; what replicas say then is set before `run`."""
        self.kill(PRIMARY)
        self.up.add(PRIMARY)
        self.info[PRIMARY] = primary_info(life, count, NEW, **values)

    def replica(self, place: tuple[str, int]) -> Replica:
        return self.primary.replicas[Address(*place)]

    def says(self, place: tuple[str, int]) -> Speaks:
        return lost_data.testimony(self.core.context, self.primary, self.replica(place))

    def reason_against(self, place: tuple[str, int]) -> str:
        verdicts = selection.judge(self.core.context, self.primary)
        return next(verdict.reason_against for verdict in verdicts if verdict.replica is self.replica(place))

    @property
    def reason(self) -> str:
        return explain.reason(self.core.context, self.primary)


@pytest.mark.parametrize("seen_with_keys", [True, False])
def test_replicas_that_refuse_its_history_make_it_down(seen_with_keys: bool) -> None:
    """Data so young that no INFO has ever shown them count as much as any other."""
    group = Group(seen_with_keys=seen_with_keys)
    group.restart()
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), cut_off(1, refuses=NEW)
    group.run(500)
    assert {"+reboot", "+lost-data", "+sdown"} <= set(group.names())
    assert group.primary.down_reason == (
        "it has lost its data: 2 of 2 replicas keep the data of a former life, "
        "2 of them refusing its younger history"
    )
    assert "(we do: it has lost its data: 2 of 2 replicas" in group.reason


def test_what_is_written_to_it_meanwhile_changes_nothing() -> None:
    group = Group()
    group.restart(count=40)
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), cut_off(1, refuses=NEW)
    group.run(1_000)
    group.info[PRIMARY] = primary_info(1, 5_000, NEW)
    group.run(5_000)
    assert group.primary.is_down
    assert "-lost-data" not in group.names()


def test_the_only_replica_is_enough() -> None:
    group = Group()
    group.kill(SECOND)
    group.run(3_000)
    group.restart()
    group.info[FIRST] = cut_off(0, refuses=NEW)
    group.run(500)
    assert group.primary.has_lost_data
    assert group.reason_against(FIRST) == ""


def test_replicas_with_more_data_speak_before_they_refuse() -> None:
    """A snapshot may take long to come; INFO shows at once what would be lost."""
    group = Group()
    group.restart(count=49)
    group.info[FIRST], group.info[SECOND] = cut_off(0), cut_off(1)
    group.run(500)
    assert "+lost-data" in group.names()
    assert group.primary.down_reason.endswith("2 of 2 replicas keep the data of a former life")


def test_a_primary_that_comes_back_with_its_data_is_up() -> None:
    group = Group()
    group.restart(count=50)
    group.info[FIRST], group.info[SECOND] = cut_off(0), cut_off(1)
    group.run(5_000)
    assert group.says(FIRST) is Speaks.FOR
    assert not {"+lost-data", "+sdown"} & set(group.names())


def test_while_it_loads_nothing_is_said() -> None:
    group = Group(down_after_ms=5_000)
    group.restart(count=3, loading=1)
    group.info[FIRST], group.info[SECOND] = cut_off(0), cut_off(1)
    group.run(2_000)
    assert group.says(FIRST) is Speaks.OPEN
    group.info[PRIMARY] = primary_info(1, 90, NEW)
    group.run(2_000)
    assert group.says(FIRST) is Speaks.FOR
    assert "+lost-data" not in group.names()


def test_one_of_two_that_refuses_is_outvoted_and_shown() -> None:
    """It may be the one that is wrong: cut off from what the primary and the other one agree on."""
    group = Group()
    group.restart(count=10)
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), in_sync(1, 10)
    group.run(20_000)
    assert not {"+lost-data", "+sdown"} & set(group.names())
    assert group.reason == (
        "it is up, but 1 of 2 replicas keeps the data of a former life, 1 of them refusing its younger "
        "history: too few to say that it has lost its data"
    )
    assert group.reason_against(FIRST).startswith("it keeps data of a former life of its primary")
    assert group.reason_against(SECOND) == ""


def test_a_replica_that_was_wiped_does_not_speak_for_the_primary() -> None:
    group = Group()
    group.restart()
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), in_sync(1, 0)
    group.run(500)
    assert group.primary.has_lost_data
    assert group.reason_against(SECOND) == "it holds no data either"


def test_replica_with_younger_history_is_not_promoted() -> None:
    third = ("10.0.0.4", 6379)
    group = Group()
    group.info[third], group.up = in_sync(2), group.up | {third}
    group.info[PRIMARY] = info(run_id=run_id(50), replicas=(*REPLICAS, third), **keys(100))
    group.run(11_000)
    group.restart(count=20)
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), cut_off(1, refuses=NEW)
    group.info[third] = info_of_replica(62, **keys(20), slave_repl_offset=1_000_000)
    group.run(500)
    assert group.primary.has_lost_data
    assert group.reason_against(third).startswith("it has taken the younger history of its primary")
    chosen = selection.choose(group.core.context, group.primary)
    assert chosen is not None
    assert chosen.address == Address(*FIRST)


def test_the_first_to_speak_does_not_decide_alone() -> None:
    group = Group(down_after_ms=4_000)
    silent = {SECOND}
    group.answers[b"INFO"] = lambda place, argv: None if place in silent else group.info[place]
    group.restart(count=10)
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), in_sync(1, 10)
    group.run(2_000)
    assert group.says(SECOND) is Speaks.OPEN
    assert not group.primary.has_lost_data
    silent.clear()
    group.run(5_000)
    assert not group.primary.has_lost_data


def test_but_one_that_stays_silent_is_not_waited_for_any_longer() -> None:
    group = Group(down_after_ms=4_000)
    group.answers[b"INFO"] = lambda place, argv: None if place == SECOND else group.info[place]
    group.restart()
    group.info[FIRST] = cut_off(0, refuses=NEW)
    group.run(3_500)
    assert not group.primary.has_lost_data
    group.run(1_500)
    assert group.primary.has_lost_data


@pytest.mark.parametrize(("count", "is_lost"), [(0, True), (10, False)])
def test_one_that_was_cut_off_for_long_before_knows_too_little(count: int, is_lost: bool) -> None:
    """Only of a primary that we have seen with data, and that has none, may it say that they are lost."""
    group = Group()
    group.kill(SECOND)
    group.run(3_000)
    group.restart(count=count)
    group.info[FIRST] = cut_off(0, seconds=60, refuses=NEW)
    group.run(1_000)
    assert group.primary.has_lost_data is is_lost
    assert group.reason_against(FIRST).startswith("it was cut off from its primary for 60000 ms")


def test_the_time_for_which_it_has_refused_does_not_count() -> None:
    group = Group()
    group.restart()
    for second in range(30):
        seconds = {"seconds": second, "refuses": NEW}
        group.info[FIRST], group.info[SECOND] = cut_off(0, **seconds), cut_off(1, **seconds)  # type: ignore[arg-type]
        group.run(1_000)
    assert group.primary.has_lost_data
    assert group.reason_against(FIRST) == ""


def test_nor_does_the_time_for_which_the_primary_was_dead() -> None:
    group = Group(quorum=5)
    group.kill(PRIMARY)
    for second in range(30):
        group.info[FIRST], group.info[SECOND] = cut_off(0, seconds=second), cut_off(1, seconds=second)
        group.run(1_000)
    group.restart()
    group.info[FIRST] = cut_off(0, seconds=30, refuses=NEW)
    group.info[SECOND] = cut_off(1, seconds=30, refuses=NEW)
    group.run(500)
    assert group.primary.has_lost_data
    assert group.reason_against(FIRST) == ""


def test_sentinel_without_memory_believes_refusing_replicas() -> None:
    driver = Driver()
    driver.info[PRIMARY] = primary_info(1, 3, NEW, uptime_in_seconds=20)
    driver.info[FIRST] = cut_off(0, seconds=22, refuses=NEW)
    driver.info[SECOND] = cut_off(1, seconds=22, refuses=NEW)
    driver.run(1_000)
    assert driver.primary.has_lost_data
    driver.info[PRIMARY] = primary_info(1, 3, NEW, uptime_in_seconds=1)
    driver = Driver()
    driver.info[PRIMARY] = primary_info(1, 3, NEW, uptime_in_seconds=1)
    driver.info[FIRST] = cut_off(0, seconds=60, refuses=NEW)
    driver.info[SECOND] = cut_off(1, seconds=60, refuses=NEW)
    driver.run(1_000)
    assert not driver.primary.has_lost_data, "they had been cut off for long when its life began"


def test_a_refusal_of_another_history_is_not_one_of_this() -> None:
    """A replica looks at a new history only with its next attempt."""
    driver = Driver()
    driver.info[PRIMARY] = primary_info(1, 3, NEW)
    driver.info[FIRST], driver.info[SECOND] = cut_off(0, refuses=OLD), cut_off(1, refuses=OLD)
    driver.run(3_000)
    assert not driver.primary.has_lost_data


def test_it_is_up_again_when_its_replicas_follow_it() -> None:
    """An administrator said REPLICAOF again."""
    group = Group()
    group.restart()
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), cut_off(1, refuses=NEW)
    group.run(1_000)
    group.info[PRIMARY] = primary_info(1, 5, NEW)
    group.info[FIRST], group.info[SECOND] = in_sync(0, 5), in_sync(1, 5)
    group.run(2_000)
    assert {"-lost-data", "-sdown"} <= set(group.names())


def test_one_that_restarts_again_and_again_stays_down() -> None:
    group = Group(down_after_ms=3_000)
    group.restart()
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=NEW), cut_off(1, refuses=NEW)
    group.run(500)
    group.names()
    for life in range(2, 6):
        group.restart(life=life)
        group.info[PRIMARY] = primary_info(life, 0, f"{life:040x}")
        group.answers[b"INFO"] = lambda place, argv: None if place in REPLICAS else group.info[place]
        group.run(300)
        del group.answers[b"INFO"]
        group.run(1_000)
    assert group.primary.has_lost_data
    assert not {"-lost-data", "-sdown"} & set(group.names())


@pytest.mark.parametrize("refuses", [NEW, ""], ids=["refused", "held more"])
def test_a_replica_that_was_promoted_still_speaks_against_it(refuses: str) -> None:
    """Its leader is gone before it has told anybody: to turn it back now would wipe it."""
    group = Group()
    group.restart()
    group.info[FIRST], group.info[SECOND] = cut_off(0, refuses=refuses), cut_off(1, refuses=refuses)
    group.run(500)
    group.info[FIRST] = info(run_id=run_id(60), **keys(100))
    group.info[SECOND] = info_of_replica(61, master_host=FIRST[0], **keys(100))
    group.run(20_000)
    assert group.primary.has_lost_data
    assert not group.sent_to(FIRST, b"SLAVEOF")
    assert not group.sent_to(SECOND, b"SLAVEOF")


def flags(driver: Driver) -> str:
    return describe.fields(driver.core.context, driver.primary)["flags"]


def test_it_is_not_vouched_for_before_its_replicas_have_spoken() -> None:
    group = Group(down_after_ms=4_000)
    assert flags(group) == "master"
    group.kill(PRIMARY)
    assert flags(group) == "master,disconnected,data_in_doubt"
    group.info[FIRST], group.info[SECOND] = cut_off(0), cut_off(1)
    group.answers[b"INFO"] = lambda place, argv: None
    group.restart(count=60)
    group.run(1_500)
    assert flags(group) == "master,data_in_doubt", "no INFO has come on this connection"
    del group.answers[b"INFO"]
    group.run(1_000)
    assert flags(group) == "master,data_in_doubt", "the INFO that was asked for never comes"
    group.run(DOUBT_MS_MAX)
    assert flags(group) == "master", "but there is an end to it"


def test_it_is_vouched_for_as_soon_as_they_have() -> None:
    group = Group()
    group.restart(count=60)
    group.info[FIRST], group.info[SECOND] = cut_off(0), cut_off(1)
    group.run(300)
    assert flags(group) == "master"


def test_while_those_that_are_open_are_waited_for_it_is_in_doubt() -> None:
    group = Group(down_after_ms=20_000)
    silent = {SECOND}
    group.answers[b"INFO"] = lambda place, argv: None if place in silent else group.info[place]
    group.restart(count=10)
    group.info[FIRST] = cut_off(0, refuses=NEW)
    group.run(DOUBT_MS_MAX + 5_000)
    assert "data_in_doubt" in flags(group)


def test_a_refusal_is_shown() -> None:
    group = Group()
    group.restart()
    group.info[FIRST] = cut_off(0, refuses=NEW)
    group.run(1_000)
    fields = describe.fields(group.core.context, group.replica(FIRST))
    assert fields["master-sync-refused"] == NEW
    assert "master-sync-refused" not in describe.fields(group.core.context, group.replica(SECOND))
    status = explain.status(group.core.context, group.primary)
    assert [replica["refuses"] for replica in status["replicas"]] == [1, 0]
