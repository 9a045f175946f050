"""What a person does on the page: moves slots, consents, stops jobs, changes the desired state, searches."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, Page, expect

from garrison.cluster.core.manager.jobs import Progress
from tests.unit.cluster.web import sample_documents as samples
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager

REFUSED = "Failed to load resource"


def slots(page: Page) -> Locator:
    return page.get_by_role("slider", name="Slots by owner")


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def point(place: Locator, right: float, down: float) -> tuple[float, float]:
    """A point of an element, by its shares of width and height."""
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * right, box["y"] + box["height"] * down


def run_the_plan(page: Page) -> None:
    """Consent is in two steps; each press says what it means."""
    page.get_by_role("button", name="Run this plan…").last.click()
    page.get_by_role("button", name="Yes, run 1 job").click()


def test_slots_are_moved_by_keyboard_alone(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    slots(page).focus()
    page.keyboard.press("End")
    expect(slots(page)).to_have_attribute(
        "aria-valuetext", "Slot 3275: S1, 10.0.0.1:7000 · range 0\u20133275"
    )
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Move slots")).to_be_visible()
    expect(page.get_by_label("Which slots")).to_have_value("3272-3275")
    expect(page.get_by_label("To", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.get_by_label("Which slots").press("Enter")
    expect(page.get_by_role("heading", name="The plan")).to_be_visible()
    assert manager.asked("POST", "plan/plan-move/consent") == []
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Run this plan…").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(manager.asked("POST", "plan/plan-move/consent")) == 1
    (sent,) = manager.asked("POST", "reshard")
    (move,) = json.loads(sent)["moves"]
    assert (move["source"], move["slots"]) == (samples.node_id(0), "3272-3275")
    assert move["target"] != samples.node_id(0)


def test_slots_are_dragged_onto_another_shard(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    drag(page, point(slots(page), 0.5, 0.1), point(slots(page), 0.5, 0.9))
    expect(page.get_by_label("From", exact=True)).to_have_value(samples.node_id(0))
    expect(page.get_by_label("To", exact=True)).to_have_value(samples.node_id(4))
    expect(page.get_by_role("dialog").locator(".action code").first).to_have_text(
        f"garrison manager move 3275 --from {samples.node_id(0)} --to {samples.node_id(4)}"
    )
    page.get_by_label("How many").fill("100")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_role("heading", name="The plan")).to_be_visible()
    (sent,) = manager.asked("POST", "reshard")
    moves = [{"source": samples.node_id(0), "target": samples.node_id(4), "slots": "3176-3275"}]
    assert json.loads(sent) == {"moves": moves}


def test_drag_within_a_shard_selects_and_then_moves(visitor: Visitor) -> None:
    page = visitor.open()
    drag(page, point(slots(page), 0.004, 0.004), point(slots(page), 0.996, 0.004))
    expect(page.get_by_role("dialog")).to_have_count(0)
    drag(page, point(slots(page), 0.5, 0.004), point(page.locator(".shards tbody tr").nth(1), 0.05, 0.5))
    expect(page.get_by_label("Which slots")).to_have_value("0-127")
    expect(page.get_by_label("To", exact=True)).to_have_value(samples.node_id(1))


def test_shard_is_dragged_by_its_name(visitor: Visitor) -> None:
    page = visitor.open()
    rows = page.locator(".shards tbody tr")
    drag(page, point(rows.nth(1).locator(".handle"), 0.5, 0.5), point(rows.nth(3), 0.05, 0.5))
    expect(page.get_by_label("From", exact=True)).to_have_value(samples.node_id(1))
    expect(page.get_by_label("To", exact=True)).to_have_value(samples.node_id(3))


def test_escape_ends_a_drag_without_a_move(visitor: Visitor) -> None:
    page = visitor.open()
    page.mouse.move(*point(slots(page), 0.5, 0.1))
    page.mouse.down()
    page.mouse.move(*point(slots(page), 0.5, 0.9))
    expect(page.locator(".ghost")).to_have_text("3,276 slots of S1 → S5")
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".ghost")).to_be_hidden()
    expect(page.get_by_role("dialog")).to_have_count(0)


IMPOSSIBLE_SLOTS = {
    "0-20000": "slot 20000 is beyond 16383",
    "9-3": "the range 9-3 runs backwards",
    "all": "“all” is not a slot or a range",
    "": "Say which slots",
    "16000": "S1 does not own 16000",
}


def test_impossible_slots_are_refused_in_the_form(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_role("button", name="Move slots…").click()
    page.get_by_label("From", exact=True).select_option(samples.node_id(0))
    for text, said in IMPOSSIBLE_SLOTS.items():
        page.get_by_label("Which slots").fill(text)
        expect(page.locator("#move-effect")).to_contain_text(said)
        page.get_by_role("button", name="Show the plan").click()
        expect(page.get_by_role("dialog").locator(".outcome").first).to_contain_text(said)
    assert manager.asked("POST", "reshard") == []


def test_plan_is_explained_and_run_by_consent(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open("jobs")
    plan = page.locator("#view-jobs .plan-box")
    expect(plan).to_contain_text("replace the replica 10.0.0.3:7000")
    expect(plan).to_contain_text("failed for 10 min")
    expect(plan.locator(".steps li")).to_have_count(3)
    run_the_plan(page)
    expect(page.locator("#view-jobs > .outcome")).to_contain_text("was begun")
    assert len(manager.asked("POST", "plan/plan-1f3a/consent")) == 1


def test_plan_that_has_changed_is_shown_anew(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open("jobs")
    expect(page.locator(".planned")).to_have_count(1)
    visitor.expected = (REFUSED,)
    manager.refusals["POST plan/plan-1f3a/consent"] = (409, {"error": "the plan has changed"})
    manager.answers["plan"] = samples.make_plan(manager.now_ms, "plan-new")
    run_the_plan(page)
    expect(page.locator("#view-jobs > .outcome")).to_contain_text("The plan has changed", ignore_case=True)
    expect(page.locator("#view-jobs .plan-box")).to_contain_text("consent plan-new")


def test_job_is_stopped_and_resumed(manager: FakeManager, visitor: Visitor) -> None:
    running = samples.make_job(manager.now_ms)
    manager.answers["jobs"] = [running]
    page = visitor.open("jobs")
    card = page.locator(".job")
    expect(card).to_contain_text("about 42 s left")
    expect(card).to_contain_text("the limit is 0.80")
    expect(card.locator("progress")).to_have_attribute("value", "0.4666666666666666")
    expect(card.get_by_text("garrison manager stop job-17")).to_be_visible()
    manager.answers["jobs/job-17/stop"] = samples.make_job(manager.now_ms, state=Progress.STOPPED)
    card.get_by_role("button", name="Stop", exact=True).click()
    expect(card).to_have_attribute("data-state", "stopped")
    manager.answers["jobs/job-17/resume"] = running
    card.get_by_role("button", name="Resume", exact=True).click()
    expect(card).to_have_attribute("data-state", "running")


def test_job_that_ends_moves_and_is_announced(manager: FakeManager, visitor: Visitor) -> None:
    manager.answers["jobs"] = [samples.make_job(manager.now_ms)]
    page = visitor.open("jobs")
    expect(page.locator("#count-jobs")).to_have_text("1 open")
    manager.send("job", samples.make_job(manager.now_ms, state=Progress.DONE))
    expect(page.locator(".job")).to_have_attribute("data-state", "done")
    expect(page.locator("#count-jobs")).to_have_text("")
    expect(page.locator("#announcer")).to_have_text("relieve the shard of 10.0.0.4:7000: done.")


def test_pause_and_resume(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    page.locator("#top-actions button").first.click()
    expect(page.locator("#top-actions .outcome")).to_contain_text("Paused")
    manager.show(manager.picture.model_copy(update={"mode": "paused", "paused_by": "ana"}))
    expect(page.locator("[data-fact=mode] dd")).to_have_text("paused by ana")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator("#top-actions .outcome")).to_contain_text("Resumed")
    assert [path for method, path, _ in manager.requests if method == "POST"] == ["pause", "resume"]


def test_act_refused_for_the_token_is_said(manager: FakeManager, visitor: Visitor) -> None:
    visitor.expected = (REFUSED,)
    manager.refusals["POST pause"] = (403, {"error": "this token may only read"})
    page = visitor.open()
    pause = page.locator("#top-actions button").first
    pause.click()
    expect(page.locator("#top-actions .outcome")).to_contain_text("may only read")
    expect(pause).to_have_attribute("aria-disabled", "true")


def test_desired_state_is_checked_before_it_is_stored(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open("desired")
    text = page.get_by_label("Document, JSON or YAML")
    expect(text).to_have_value(manager_text(manager))
    text.fill("shards: 7\nmode: act\n")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".editor .outcome").first).to_have_text("It can hold. Nothing was stored.")
    expect(page.locator(".editor .plan-box")).to_contain_text("With this the manager would")
    assert manager.asked("PUT", "desired?dry_run=1") == ["shards: 7\nmode: act\n"]
    assert manager.asked("PUT", "desired") == []
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".editor .plan-box")).to_contain_text("Stored.")
    assert manager.asked("PUT", "desired") == ["shards: 7\nmode: act\n"]


def manager_text(manager: FakeManager) -> str:
    return (
        json.dumps(samples.make_desired().model_dump(mode="json"), indent=2)
        .replace(".0,", ",")
        .replace(".0\n", "\n")
    )


def test_refusals_lead_to_their_place_in_the_text(manager: FakeManager, visitor: Visitor) -> None:
    visitor.expected = (REFUSED,)
    wrong = {"error": "must be at most 100", "path": "limits.memory_percent_max"}
    also = {"error": "is not a time zone of this machine", "path": "windows.0.timezone"}
    manager.refusals["PUT desired"] = (422, {**wrong, "errors": [wrong, also]})
    page = visitor.open("desired")
    text = page.get_by_label("Document, JSON or YAML")
    text.fill('{\n "limits": {"memory_percent_max": 300},\n "windows": [{"timezone": "Nowhere"}]\n}')
    page.get_by_role("button", name="Check", exact=True).click()
    refusals = page.locator(".refusals li")
    expect(refusals).to_have_count(2)
    expect(refusals.first).to_have_text("line 2, limits.memory_percent_max: must be at most 100")
    refusals.nth(1).get_by_role("button").click()
    selected = (
        "() => { const t = document.activeElement; return t.value.slice(t.selectionStart, t.selectionEnd); }"
    )
    assert page.evaluate(selected) == '"Nowhere"'
    expect(text).to_have_attribute("aria-invalid", "true")


def test_refusal_in_yaml_says_its_line(manager: FakeManager, visitor: Visitor) -> None:
    visitor.expected = (REFUSED,)
    refusal: dict[str, object] = {"error": "must be below 24:00", "path": "windows.1.ends"}
    manager.refusals["PUT desired"] = (422, refusal)
    page = visitor.open("desired")
    lines = [
        "mode: act",
        "windows:",
        "  - begins: 01:00",
        "    ends: 02:00",
        "  - begins: 03:00",
        "    ends: 25:00",
    ]
    page.get_by_label("Document, JSON or YAML").fill("\n".join(lines))
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator(".refusals li")).to_have_text("line 6, windows.1.ends: must be below 24:00")


def test_keys_are_searched_at_the_chosen_node(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open("keys")
    page.get_by_label("Node", exact=True).select_option(samples.node_id(3))
    expect(page.get_by_text("garrison cli -h 10.0.0.4 -p 7000 --hotkeys")).to_be_visible()
    page.get_by_role("button", name="Search big keys", exact=True).click()
    expect(page.get_by_role("row", name="timeline:global")).to_contain_text("312 MiB")
    (sent,) = manager.asked("POST", "keys/search")
    assert json.loads(sent) == {"node": samples.node_id(3), "what": "big"}
    expect(page.get_by_role("row", name="KEYS session:*")).to_contain_text("84.2 ms")


def test_command_line_is_copied(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open()
    page.get_by_role("button", name="Copy the command garrison manager pause").click()
    expect(page.locator("#top-actions .copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "garrison manager pause"
