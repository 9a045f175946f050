"""What the page shows in each state: empty, loading, lost, locked, read-only, following, old."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from garrison.cluster.core.manager.picture import Event, ManagerPicture, NodeState, Picture, SentinelPicture
from tests.unit.cluster.web import sample_documents as samples
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager

REFUSED = "Failed to load resource"


def test_empty_deployment_says_what_to_type(manager: FakeManager, visitor: Visitor) -> None:
    manager.picture = Picture(at_ms=manager.now_ms)
    page = visitor.open()
    expect(page.locator("#view-overview .message")).to_contain_text("knows no nodes yet")
    expect(page.locator("#view-overview .message code")).to_have_text("garrison manager run HOST:PORT")


def test_slow_manager_shows_that_it_loads(manager: FakeManager, visitor: Visitor) -> None:
    manager.silent = True
    manager.streams = False
    visitor.expected = (REFUSED,)
    visitor.page.goto(visitor.url)
    expect(visitor.page.locator("#gate")).to_have_attribute("aria-busy", "true")
    expect(visitor.page.locator("#gate")).to_contain_text("Asking the manager")
    manager.silent = False
    expect(visitor.page.locator("#view-overview")).to_be_visible()
    expect(visitor.page.locator("#gate")).to_be_hidden()


def test_overview_shows_name_leader_lease_and_mode(visitor: Visitor) -> None:
    page = visitor.open()
    expect(page.locator("h1")).to_have_text("orders")
    expect(page.locator("[data-fact=leader] dd")).to_have_text("10.0.0.21:7200")
    expect(page.locator("[data-fact=lease] dd")).to_have_text("epoch 7, 8 s left")
    expect(page.locator("[data-fact=mode] dd")).to_contain_text("dry run")
    expect(page.locator("[data-fact=shown] dd")).to_have_text(re.compile("now|as of"))
    expect(page.locator(".coverage")).to_have_text("all 16,384 slots served")
    assert page.locator(".shards tbody tr").count() == 5
    assert page.locator(".shards .chip").count() == 15


def test_figures_not_known_are_dashes(manager: FakeManager, visitor: Visitor) -> None:
    nodes = [node.model_copy(update={"load": type(node.load)()}) for node in manager.picture.nodes]
    manager.picture = manager.picture.model_copy(update={"nodes": tuple(nodes)})
    page = visitor.open()
    assert [text.strip() for text in page.locator(".tiles .value").all_inner_texts()] == ["\u2013"] * 5


def test_uncovered_slots_are_said(manager: FakeManager, visitor: Visitor) -> None:
    shards = manager.picture.shards
    fewer = shards[0].model_copy(update={"slots": "0-3000", "slot_count": 3001})
    manager.picture = manager.picture.model_copy(
        update={"shards": (fewer, *shards[1:]), "slots_covered": 16384 - 275}
    )
    page = visitor.open()
    expect(page.locator(".coverage")).to_have_text("275 slots served by nobody: 3001-3275")


def test_lost_manager_keeps_the_picture_and_its_age(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    visitor.expected = (REFUSED, "ERR_")
    manager.stop()
    expect(page.locator(".banner")).to_contain_text("has not answered for")
    expect(page.locator(".shards .chip").first).to_be_visible()
    manager.start()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".banner")).to_have_count(0)
    expect(page.locator("#announcer")).to_contain_text("answers again")


def test_manager_that_never_answered_is_said(manager: FakeManager, visitor: Visitor) -> None:
    visitor.expected = (REFUSED, "ERR_")
    visitor.page.route("**/api/**", lambda route: route.abort())
    visitor.page.goto(visitor.url)
    expect(visitor.page.locator("#gate")).to_contain_text("The manager does not answer")
    expect(visitor.page.locator("[data-fact=leader] dd")).to_have_text("\u2013")


@pytest.mark.parametrize(("seconds", "tone"), [(8, "stale"), (45, "old")])
def test_old_picture_turns_to_a_warning(
    manager: FakeManager, visitor: Visitor, seconds: int, tone: str
) -> None:
    manager.picture = manager.picture.model_copy(update={"at_ms": manager.now_ms - seconds * 1000})
    page = visitor.open()
    expect(page.locator("body")).to_have_attribute("data-age", tone)
    shown = page.locator("[data-fact=shown] dd")
    expect(shown).to_have_text(re.compile(r"as of \d+ s ago"))
    assert int(shown.inner_text().split()[2]) >= seconds
    expect(page.locator(".banner")).to_contain_text("s old")


def test_age_grows_without_any_message(visitor: Visitor) -> None:
    visitor.page.clock.install()
    page = visitor.open()
    page.route("**/api/picture", lambda route: route.abort())
    visitor.expected = ("ERR_", REFUSED)
    page.clock.fast_forward(4000)
    expect(page.locator("[data-fact=shown] dd")).to_contain_text("as of")


def test_stream_that_breaks_is_opened_again(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    manager.end_streams()
    page.wait_for_function("() => performance.getEntriesByName('picture-shown')[0].detail.pictures > 2")
    assert manager.opened >= 2
    manager.show(manager.picture.model_copy(update={"name": "renamed", "at_ms": manager.now_ms + 500}))
    expect(page.locator("h1")).to_have_text("renamed")


def test_without_a_stream_the_page_polls(manager: FakeManager, visitor: Visitor) -> None:
    manager.streams = False
    visitor.expected = (REFUSED,)
    page = visitor.open()
    manager.picture = manager.picture.model_copy(update={"name": "polled", "at_ms": manager.now_ms + 500})
    expect(page.locator("h1")).to_have_text("polled")
    expect(page.locator("[data-fact=shown] dd")).to_contain_text("polled")


def test_broken_stream_text_does_not_end_the_page(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    manager.send_raw("event: picture\ndata: {half a docu\n\n")
    page.wait_for_function("() => performance.getEntriesByName('picture-shown')[0].detail.pictures > 2")
    manager.show(manager.picture.model_copy(update={"name": "after", "at_ms": manager.now_ms + 500}))
    expect(page.locator("h1")).to_have_text("after")


def test_token_is_asked_for_and_kept_for_the_tab(manager: FakeManager, visitor: Visitor) -> None:
    manager.tokens = {"right-token-0123456": "act"}
    visitor.expected = (REFUSED,)
    page = visitor.page
    page.goto(visitor.url)
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("Refused: this manager does not know that token.")
    page.get_by_label("Token").fill("right-token-0123456")
    page.keyboard.press("Enter")
    expect(page.locator("#view-overview")).to_be_visible()
    page.reload()
    expect(page.locator("#view-overview")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_token_in_the_address_is_taken_out_of_it(manager: FakeManager, visitor: Visitor) -> None:
    manager.tokens = {"right-token-0123456": "act"}
    visitor.page.goto(f"{visitor.url}#token=right-token-0123456")
    expect(visitor.page.locator("#view-overview")).to_be_visible()
    assert "right-token" not in visitor.page.url


def assert_nothing_can_be_done(page: Page, manager: FakeManager) -> None:
    pause = page.get_by_role("button", name="Pause", exact=True)
    expect(pause).to_have_attribute("aria-disabled", "true")
    pause.click(force=True)
    page.goto(f"{manager.url}#jobs")
    run = page.get_by_role("button", name="Run this plan…")
    expect(run).to_have_attribute("aria-disabled", "true")
    run.click(force=True)
    assert [each for each in manager.requests if each[0] != "GET"] == []


def test_token_that_may_only_read_disables_acts(manager: FakeManager, visitor: Visitor) -> None:
    manager.tokens = {"reading-token-01234": "read"}
    visitor.page.goto(f"{visitor.url}#token=reading-token-01234")
    expect(visitor.page.locator(".banner")).to_contain_text("only reads")
    assert_nothing_can_be_done(visitor.page, manager)


def test_follower_links_to_the_leader(manager: FakeManager, visitor: Visitor) -> None:
    manager.picture = manager.picture.model_copy(update={"shown_by": "manager-2"})
    page = visitor.open()
    expect(page.locator(".banner")).to_contain_text("does not lead")
    link = page.get_by_role("link", name="Go to the leader")
    expect(link).to_have_attribute("href", "http://10.0.0.21:7200/")
    assert_nothing_can_be_done(page, manager)


def test_leader_address_that_is_none_gives_no_link(manager: FakeManager, visitor: Visitor) -> None:
    evil = ManagerPicture(id="manager-1", address="javascript:alert(1)//x:1", leads=True)
    manager.picture = manager.picture.model_copy(update={"shown_by": "manager-2", "managers": (evil,)})
    page = visitor.open()
    expect(page.locator(".banner")).to_contain_text("does not lead")
    expect(page.locator(".banner a")).to_have_count(0)


def test_nothing_is_begun_without_a_leader(manager: FakeManager, visitor: Visitor) -> None:
    nobody = tuple(each.model_copy(update={"leads": False}) for each in manager.picture.managers)
    manager.picture = manager.picture.model_copy(update={"managers": nobody})
    page = visitor.open()
    expect(page.locator(".banner")).to_contain_text("No manager leads now")
    expect(page.locator("[data-fact=leader] dd")).to_have_text("none")
    assert_nothing_can_be_done(page, manager)


def test_problems_and_lost_majority_are_said(manager: FakeManager, visitor: Visitor) -> None:
    lacks = {"majority_answers": False, "problems": ("the clock jumped by 40 s",)}
    manager.picture = manager.picture.model_copy(update=lacks)
    page = visitor.open()
    expect(page.locator(".banner")).to_have_count(2)
    expect(page.locator(".banners")).to_contain_text("No majority of primaries answers")
    expect(page.locator(".banners")).to_contain_text("the clock jumped by 40 s")


def test_failover_keeps_the_name_and_row_of_the_shard(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    row = page.locator(".shards tbody tr").nth(2)
    expect(row.locator(".chip[data-role=primary]")).to_contain_text(samples.address(2))
    after = samples.failed_over(manager.picture, 2)
    manager.show(after, after.events[-1:])
    expect(row.locator(".chip[data-role=primary]")).to_contain_text(samples.address(7))
    expect(row.locator("th")).to_have_text("S3")
    expect(row.locator(".chip[data-tone=bad]")).to_contain_text("replica, failed")
    expect(page.locator(".events li")).to_have_count(1)
    expect(page.locator("#announcer")).to_contain_text("took the place of")


def test_page_says_what_is_wrong_and_what_is_done(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    trouble = page.locator(".trouble")
    expect(trouble).to_be_hidden()
    expect(page.locator("#count-overview")).to_be_empty()
    after = samples.failed_over(manager.picture, 2)
    manager.show(after)
    row = trouble.locator(".wrong li").first
    expect(row).to_contain_text(f"replica {samples.address(2)} has failed: no answer for 15 s")
    expect(row).to_contain_text("for 0 s, since ")
    manager.show(after.model_copy(update={"at_ms": after.at_ms + 12_000}))
    expect(row).to_contain_text("for 12 s, since ")
    expect(trouble).to_contain_text("It would replace the replica 10.0.0.3:7000")
    expect(page.locator("#count-overview")).to_have_text("1 wrong")
    assert page.title().startswith("1 wrong · orders")
    running = samples.make_job(manager.now_ms)
    manager.send("job", running)
    expect(trouble).to_contain_text("job-17 running, 46.7 %: relieve the shard of 10.0.0.4:7000")
    manager.show(samples.make_picture(after.at_ms + 20_000))
    expect(trouble).to_be_hidden()


def test_many_complaints_are_counted_on_the_page(manager: FakeManager, visitor: Visitor) -> None:
    nodes = [node.model_copy(update={"state": NodeState.SILENT}) for node in manager.picture.nodes]
    manager.picture = manager.picture.model_copy(update={"nodes": tuple(nodes)})
    page = visitor.open()
    expect(page.locator(".wrong li")).to_have_count(6)
    expect(page.locator(".trouble")).to_contain_text("And 8 things more: garrison status names all.")


def test_sentinels_are_shown_instead_of_slots(manager: FakeManager, visitor: Visitor) -> None:
    away = SentinelPicture(id="b", address="10.0.0.32:26379", reachable=False)
    why = "Jobs are for clusters: this manager only watches."
    manager.picture = samples.make_picture(manager.now_ms, 1, kind="sentinel", slots_covered=0).model_copy(
        update={
            "sentinels": (SentinelPicture(id="a", address="10.0.0.31:26379"), away),
            "read_only": True,
            "why_read_only": why,
        }
    )
    page = visitor.open()
    expect(page.locator(".slots")).to_be_hidden()
    expect(page.get_by_role("button", name="Move slots…")).to_be_hidden()
    expect(page.locator(".sentinels li")).to_have_text(
        ["●Sentinel 10.0.0.31:26379", "…Sentinel 10.0.0.32:26379, silent"]
    )
    expect(page.locator(".trouble")).to_contain_text("1 of 2 Sentinels do not answer")
    expect(page.locator(".wrong-answers")).to_have_text(why)
    expect(page.locator("[data-fact=mode] dd")).to_have_text("only watches")
    assert manager.asked("GET", "plan") == []


def test_node_of_no_shard_is_shown(manager: FakeManager, visitor: Visitor) -> None:
    """A failed primary owns nothing after the failover, and is still there to be seen."""
    after = samples.failed_over(manager.picture, 2)
    lost = {"role": "primary", "primary_id": None}
    nodes = [node.model_copy(update=lost) if node.id == samples.node_id(2) else node for node in after.nodes]
    manager.picture = after.model_copy(update={"nodes": tuple(nodes)})
    page = visitor.open()
    row = page.locator(".shards tbody tr").last
    expect(row.locator("th")).to_have_text("No shard")
    expect(row.locator(".chip")).to_contain_text(samples.address(2))
    assert page.locator(".shards .chip").count() == 15


def test_first_events_are_not_announced(manager: FakeManager, visitor: Visitor) -> None:
    """A page that opens tells what happens from then on, not the history."""
    manager.picture = samples.busy_picture(manager.now_ms)
    page = visitor.open()
    expect(page.locator(".events li")).to_have_count(5)
    news = Event(at_ms=manager.now_ms + 400, kind="node-up", text="back again", severity="warning")
    manager.send("event", news)
    expect(page.locator("#announcer")).to_have_text("back again")


def test_node_panel_shows_what_is_known(visitor: Visitor) -> None:
    page = visitor.open("nodes")
    page.get_by_role("button", name=samples.address(1), exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=samples.address(1))).to_be_visible()
    expect(dialog).to_contain_text("3276-6552 (3,277)")
    expect(dialog.locator("code").first).to_have_text("garrison cli -h 10.0.0.2 -p 7000 SLOWLOG GET 32")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_nodes_are_found_and_sorted(visitor: Visitor) -> None:
    page = visitor.open("nodes")
    page.get_by_label("Find").fill("zone-a primary")
    expect(page.locator(".nodes tbody tr")).to_have_count(2)
    page.get_by_label("Find").fill("")
    page.get_by_role("button", name="Throughput").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Throughput")
    first = page.locator(".nodes tbody tr").first
    expect(first).to_contain_text(samples.address(1))
