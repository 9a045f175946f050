"""The page and those who mean harm: names that are markup, addresses that are scripts, foreign code."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from garrison.cluster.core.manager.picture import Event, NotableKey, SlowCommand
from tests.unit.cluster.web import sample_documents as samples
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager

MARKUP = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
VIEWS = ("overview", "nodes", "jobs", "desired", "keys")


def poison(manager: FakeManager) -> None:
    """Markup in every text that comes from the cluster."""
    at_ms = manager.now_ms
    picture = manager.picture
    fields = {
        "address": MARKUP,
        "why": MARKUP,
        "zone": MARKUP,
        "host": MARKUP,
        "version": MARKUP,
        "hostname": MARKUP,
    }
    nodes = tuple(node.model_copy(update=fields) for node in picture.nodes)
    poisoned = {
        "name": MARKUP,
        "nodes": nodes,
        "problems": (MARKUP,),
        "paused_by": MARKUP,
        "events": (
            Event(at_ms=at_ms, kind=MARKUP, text=MARKUP, subject=samples.node_id(1), severity="error"),
        ),
        "slow_commands": (
            SlowCommand(node_id=MARKUP, at_ms=at_ms, duration_us=1, words=(MARKUP,), client=MARKUP),
        ),
        "big_keys": (NotableKey(node_id=MARKUP, key=MARKUP, type=MARKUP, bytes=1),),
    }
    manager.picture = picture.model_copy(update=poisoned)
    job = samples.make_job(at_ms)
    step = job.steps[0].model_copy(update={"explanation": MARKUP, "why": MARKUP})
    texts = {
        "title": MARKUP,
        "reason": MARKUP,
        "by": MARKUP,
        "why": MARKUP,
        "steps": (step,),
        "command": MARKUP,
    }
    bad_job = job.model_copy(update=texts)
    manager.answers["jobs"] = [bad_job]
    plan = samples.make_plan(at_ms)
    manager.answers["plan"] = plan.model_copy(update={"jobs": (bad_job,), "explanations": (MARKUP,)})


def test_markup_in_names_stays_text(manager: FakeManager, visitor: Visitor) -> None:
    poison(manager)
    for view in VIEWS:
        page = visitor.open(view)
        expect(page.locator(".banners")).to_contain_text(MARKUP)
        assert page.locator("main img, main script").count() == 0
        assert page.evaluate("document.scripts.length") == 1
    page = visitor.open("nodes")
    page.locator(".nodes button.address").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text(MARKUP)
    assert page.title() != "taken"


def test_command_lines_quote_what_the_cluster_says(manager: FakeManager, visitor: Visitor) -> None:
    """Whoever pastes a command runs that command only."""
    nodes = [node.model_copy(update={"address": "$(touch /tmp/x);'y:1"}) for node in manager.picture.nodes]
    manager.picture = manager.picture.model_copy(update={"nodes": tuple(nodes)})
    page = visitor.open("keys")
    expect(page.locator("#view-keys .command code").first).to_have_text(
        "garrison cli -h '$(touch /tmp/x);'\\''y' -p 1 SLOWLOG GET 32"
    )


def test_policy_stops_inline_code(visitor: Visitor) -> None:
    """The checks of this folder can see a violation, and the browser enforces the policy."""
    page = visitor.open()
    assign = (
        "() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch { return 'refused'; } }"
    )
    assert page.evaluate(assign) == "refused"
    page.wait_for_function("() => window.violations > 0")
    assert any(text.startswith("policy: ") for text in visitor.complaints)
    visitor.expected = ("policy: ", "TrustedHTML")


def test_page_asks_nobody_else(manager: FakeManager, visitor: Visitor) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    for view in VIEWS:
        visitor.open(view)
    assert asked
    assert [url for url in asked if not url.startswith(manager.url)] == []


def test_token_is_sent_to_the_manager_alone(manager: FakeManager, visitor: Visitor) -> None:
    manager.tokens = {"acting-token-0123456": "act"}
    visitor.page.goto(f"{visitor.url}#token=acting-token-0123456")
    expect(visitor.page.locator("#view-overview")).to_be_visible()
    assert visitor.context.cookies() == []
    assert (
        visitor.page.evaluate("JSON.stringify(sessionStorage)") == '{"garrison-token":"acting-token-0123456"}'
    )


def test_sources_name_no_other_address_and_parse_no_html(root: Path) -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
    )
    outside = re.compile(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]{2,}")
    sources = [
        path for path in (root / "cluster" / "web").rglob("*") if path.suffix in {".js", ".html", ".css"}
    ]
    assert len(sources) > 20
    for path in sources:
        text = path.read_text()
        assert not forbidden.search(text), path
        assert [found for found in outside.findall(text) if "www.w3.org" not in found] == [], path
