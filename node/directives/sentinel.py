"""The Sentinels that watch a node, and what it asks them: Garrison's own, see node/core/sentinel_hold.py."""

from __future__ import annotations

from garrison.base.list_value_types import ANY_NUMBER
from garrison.base.value_types import Directive, Integer, Text, Use, ValueType, YesNo
from garrison.node.core.sentinel_peers import parse_configured

C = Use.CONTROL


class SentinelPeers(ValueType):
    """Lines of a name and the Sentinels that watch the primary of that name; lines of a file add up."""

    words = (1, ANY_NUMBER[1])

    @property
    def allowed(self) -> str:
        return 'a name of a primary with pairs of host and port, or "" for none'

    def canonical(self, text: str) -> str:
        parse_configured(text)
        return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())

    def canonical_words(self, words: list[str], current: str) -> str:
        line = self.canonical(" ".join(words))
        return f"{current}\n{line}" if current and line else line

    def lines(self, text: str) -> list[str]:
        return text.splitlines() or ['""']


ROWS = (
    Directive(
        "sentinel-peers",
        SentinelPeers(),
        "",
        C,
        "Sentinels that are asked who the primary is before this node takes writes after a start or a "
        "sleep, beside those whose hellos it has received; setting it to nothing forgets those too.",
    ),
    Directive(
        "sentinel-peers-learn",
        YesNo(),
        "yes",
        C,
        "Remember the Sentinels that publish on this node, in sentinel-peers.conf in its folder.",
    ),
    Directive("sentinel-peers-user", Text(), "", C, "User with which this node logs in at Sentinels."),
    Directive(
        "sentinel-peers-password",
        Text(),
        "",
        C,
        "Password with which this node logs in at Sentinels.",
        sensitive=True,
    ),
    Directive(
        "sentinel-peers-count-max",
        Integer(1, 1024),
        "64",
        C,
        "Most Sentinels remembered for one primary's name.",
    ),
    Directive(
        "sentinel-peers-forget-after-s",
        Integer(10),
        "86400",
        C,
        "Seconds after which a Sentinel that is silent, while others of its group are not, is forgotten.",
    ),
    Directive(
        "sentinel-ask-timeout-ms",
        Integer(10, 60_000),
        "1000",
        C,
        "Milliseconds that a Sentinel has for its answer before it is asked anew.",
    ),
    Directive(
        "sentinel-sleep-ms-max",
        Integer(0),
        "500",
        C,
        "Milliseconds of sleep (a stopped process, a suspended machine) after which a primary asks its "
        "Sentinels before it takes writes or answers those it has taken; 0 for never.",
    ),
)
