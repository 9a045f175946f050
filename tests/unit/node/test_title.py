"""The title of a node's process is what the template asks for."""

from __future__ import annotations

import pytest

from garrison.node.config import load
from garrison.node.directives import DIRECTIVES
from garrison.node.title import title_of

TEMPLATE = DIRECTIVES["proc-title-template"]


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ([], "garrison node *:6379"),
        (["--bind", "127.0.0.1 ::1", "--port", "7000"], "garrison node 127.0.0.1:7000"),
        (["--cluster-enabled", "yes"], "garrison node *:6379 [cluster]"),
        (["--port", "0", "--unixsocket", "/tmp/s"], "garrison node /tmp/s"),
    ],
)
def test_title_says_where_the_node_listens(options: list[str], title: str) -> None:
    assert title_of(load(options), TEMPLATE.default) == title


def test_all_variables_of_redis_are_known() -> None:
    template = "{title} {port} {tls-port} [{unixsocket}] {config-file} {server-mode}"
    assert TEMPLATE.value_type.canonical(template) == template
    assert title_of(load([]), template) == "garrison node 6379 0 [] -"


@pytest.mark.parametrize("template", ["", "{title}", "{foo}", "{title} {"])
def test_bad_template_is_refused_as_redis_does(template: str) -> None:
    with pytest.raises(ValueError, match="template format is invalid or contains unknown variables"):
        TEMPLATE.value_type.canonical(template)
