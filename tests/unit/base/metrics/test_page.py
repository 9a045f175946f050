"""Pages, and what is loaded for them."""

from __future__ import annotations

import subprocess
import sys

from garrison.base.metrics.page import TEXT, Page, text_page

LOADED = "import sys, garrison.node.shell.control; print(*(set(sys.modules) & set(sys.argv[1:])))"


def test_text_page_is_one_line() -> None:
    assert text_page(503, "loading", ("Retry-After", "1")) == Page(
        503, b"loading\n", TEXT, (("Retry-After", "1"),)
    )


def test_node_without_a_metrics_port_loads_no_http_server() -> None:
    unwanted = ("h11", "garrison.base.metrics.http_server", "garrison.node.core.context")
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *unwanted], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []
