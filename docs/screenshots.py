"""Takes the pictures of docs/manager.md: the page in Debian's Chromium, fed by the fake manager of its tests.

    .venv/bin/python docs/screenshots.py

The time in the pictures stands still, so that they change only when the page does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from garrison.cluster.core.manager.jobs import Progress  # noqa: E402
from tests.unit.cluster.web import sample_documents as samples  # noqa: E402
from tests.unit.cluster.web.fake_manager import FakeManager  # noqa: E402

PORT = 7380
NOW_MS = 1_796_000_000_000
DESKTOP: dict[str, Any] = {"viewport": {"width": 1200, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "page-overview-light": ("overview", DESKTOP),
    "page-overview-dark": ("overview", {**DESKTOP, "color_scheme": "dark"}),
    "page-overview-phone": ("overview", PHONE),
    "page-reshard": ("overview", DESKTOP),
    "page-jobs": ("jobs", DESKTOP),
    "page-history": ("history", DESKTOP),
    "page-desired-dark": ("desired", {**DESKTOP, "color_scheme": "dark"}),
}


def busy_manager() -> FakeManager:
    manager = FakeManager(NOW_MS)
    manager.port, manager.url = PORT, f"http://127.0.0.1:{PORT}/"
    manager.picture = samples.busy_picture(NOW_MS)
    manager.answers["series"] = samples.make_series(manager.picture)
    ended = samples.make_job(NOW_MS, 16, Progress.DONE)
    manager.answers["jobs"] = [samples.make_job(NOW_MS), ended]
    wrong: dict[str, object] = {"error": "write 100 or less", "path": "limits.memory_percent_max"}
    manager.refusals["PUT desired"] = (422, wrong)
    return manager


def prepare(page: Page, name: str) -> None:
    """Bring the page to what the picture shows."""
    if name == "page-reshard":
        box = page.locator(".slots").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.1)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9, steps=4)
        page.mouse.up()
        page.get_by_label("How many").fill("400")
        page.get_by_role("button", name="Show the plan").click()
        page.get_by_role("heading", name="The plan").wait_for()
    elif name == "page-jobs":
        page.locator(".planned").wait_for()
    elif name == "page-history":
        page.get_by_text("4 changes").click()
    elif name == "page-desired-dark":
        text = page.get_by_label("Document, JSON or YAML")
        text.fill("mode: act\nshards: 5\nreplicas_per_shard: 2\nlimits:\n  memory_percent_max: 300\n")
        page.get_by_role("button", name="Check", exact=True).click()
        page.locator(".refusals li").wait_for()


def shrink(path: Path) -> None:
    """A palette of 128 colours is enough; without Debian's pngquant the file stays as it is."""
    if shutil.which("pngquant") is not None:
        command = ["pngquant", "--force", "--skip-if-larger", "--output", str(path), "128", str(path)]
        subprocess.run(command, check=False)


def main() -> None:
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("no chromium is here: apt-get install chromium")
    target = DOCS / "images"
    target.mkdir(exist_ok=True)
    manager = busy_manager()
    manager.start()
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for name, (view, options) in PICTURES.items():
            context = browser.new_context(timezone_id="UTC", reduced_motion="reduce", **options)
            page = context.new_page()
            page.clock.set_fixed_time(NOW_MS / 1000)
            page.goto(f"{manager.url}#{view}")
            page.wait_for_selector(f"#view-{view}:not([hidden])")
            page.wait_for_timeout(800)  # the figures of the last minutes come after the picture
            prepare(page, name)
            path = target / f"{name}.png"
            page.screenshot(path=path, full_page=name.startswith("page-overview") and "phone" not in name)
            shrink(path)
            print(f"{path.relative_to(DOCS.parent)}: {path.stat().st_size // 1024} KiB")
            context.close()
        browser.close()
    manager.stop()


if __name__ == "__main__":
    main()
