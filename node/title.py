"""The title of a node's process, from `proc-title-template`: what `ps` shows instead of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from garrison.base.process_title import BAD_TEMPLATE, expand_template, set_title
from garrison.base.value_types import ValueType

if TYPE_CHECKING:
    from garrison.node.config import Config

TITLE = "garrison node"
VARIABLES = ("title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file")


class TitleTemplate(ValueType):
    """A template that gives some text even where there is no title, as Redis demands."""

    @property
    def allowed(self) -> str:
        return f"a text with {', '.join('{' + name + '}' for name in VARIABLES)} in it"

    def canonical(self, text: str) -> str:
        sample = dict.fromkeys(VARIABLES, "x") | {"title": ""}
        if not expand_template(text, sample):
            raise ValueError(BAD_TEMPLATE)
        return text


def show_title(config: Config, template: str = "") -> None:
    """Set the title, unless `set-proc-title no`; a new template before it is in the configuration."""
    if config.flag("set-proc-title"):
        set_title(title_of(config, template or config.text("proc-title-template")))


def title_of(config: Config, template: str) -> str:
    first = config.text("bind").split()[:1] or ["*"]
    port = config.text("port")
    return expand_template(
        template,
        {
            "title": TITLE,
            "listen-addr": f"{first[0]}:{port}" if int(port) else config.text("unixsocket"),
            "server-mode": "[cluster]" if config.flag("cluster-enabled") else "",
            "port": port,
            "tls-port": config.text("tls-port"),
            "unixsocket": config.text("unixsocket"),
            "config-file": config.file or "-",
        },
    )
