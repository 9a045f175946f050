"""The directives of metrics, the same for a node and a Sentinel."""

from __future__ import annotations

from garrison.base.list_value_types import Words
from garrison.base.value_types import Directive, Integer, Text, Use

ROWS = (
    Directive(
        "metrics-port",
        Integer(0, 65535),
        "0",
        Use.CONTROL,
        "TCP port on which metrics and health are served over HTTP; 0 for none.",
    ),
    Directive(
        "metrics-bind",
        Words(0, 16, allowed="up to 16 addresses; a leading - makes one optional"),
        "",
        Use.CONTROL,
        "Addresses of that port; those of bind if empty.",
        immutable=True,
    ),
    Directive(
        "metrics-token",
        Text(pattern=r"[!-~]+", refusal="a text of printable ASCII characters without spaces"),
        "",
        Use.CONTROL,
        "Bearer token that /metrics asks for; empty for none. Health pages ask for none.",
        sensitive=True,
    ),
)
