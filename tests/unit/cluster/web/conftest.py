"""A real browser: Debian's Chromium, headless, with every complaint of the page counted as a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, sync_playwright

from tests.unit.cluster.web.fake_manager import FakeManager

WAIT_MS_MAX = 10_000
# Violations of the content security policy come as events, whether or not the console has them too.
WATCH_POLICY = """
addEventListener("securitypolicyviolation", (event) => {
    window.violations = (window.violations ?? 0) + 1;
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file: while it is open, its thread runs no other event loop."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is here: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    fake = FakeManager()
    fake.start()
    yield fake
    fake.stop()


class Visitor:
    """A browser's context, and what its pages complain of."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()
        """Parts of complaints that a test provokes: a refused request is an error to the console."""
        context.set_default_timeout(WAIT_MS_MAX)
        context.add_init_script(WATCH_POLICY)
        self.page = context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", self._fail)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _fail(self, error: Error) -> None:
        self.complaints.append(str(error))

    def open(self, view: str = "overview") -> Page:
        """Go to a view and wait until it shows something of the cluster."""
        self.page.goto(f"{self.url}#{view}")
        self.page.wait_for_selector(f"#view-{view}:not([hidden])")
        return self.page

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.expected)]


@pytest.fixture
def options() -> dict[str, Any]:
    """How the browser is set up; a test parametrises this."""
    return {}


@pytest.fixture
def visitor(browser: Browser, manager: FakeManager, options: dict[str, Any]) -> Iterator[Visitor]:
    settings: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**{**settings, **options})
    made = Visitor(context, manager.url)
    yield made
    context.close()
    assert made.unexpected() == []
