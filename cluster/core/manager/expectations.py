"""What a `verify` step expects of a picture: written by planners, judged by whoever carries the step out.

The argument `expect` is a JSON object of these, each optional: `nodes`, for each node (id or host:port) the
fields of its NodePicture that must be so; `gone`, the nodes that nobody must know; `slots`, for each primary
the ranges that it must own at least.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from garrison.cluster.core.manager.picture import NodePicture, Picture
from garrison.cluster.core.ranges import format_slots, parse_ranges, to_slots

RANGES_SHOWN = 3


def expectation(
    *,
    nodes: Mapping[str, Mapping[str, object]] | None = None,
    gone: Sequence[str] = (),
    slots: Mapping[str, str] | None = None,
) -> str:
    """The text of `expect`."""
    parts: dict[str, object] = {"nodes": nodes, "gone": list(gone), "slots": slots}
    return json.dumps({word: part for word, part in parts.items() if part}, sort_keys=True)


def unmet(expect: str, picture: Picture) -> list[str]:
    """One sentence for each thing that is not as expected; empty when the picture agrees.

    ValueError when `expect` cannot be read.
    """
    wanted: dict[str, Any] = json.loads(expect)
    if not isinstance(wanted, dict):
        raise ValueError("`expect` must be a JSON object")
    known = {name: node for node in picture.nodes for name in (node.address, node.id)}
    return [
        *_fields(wanted.get("nodes", {}), known),
        *(f"{known[name].address} is still known" for name in wanted.get("gone", []) if name in known),
        *_slots(wanted.get("slots", {}), known),
    ]


def _fields(wanted: Mapping[str, Mapping[str, object]], known: Mapping[str, NodePicture]) -> Iterator[str]:
    for name, fields in wanted.items():
        node = known.get(name)
        if node is None:
            yield f"{name} is not in the picture"
            continue
        for field, value in fields.items():
            found = getattr(node, field, None)
            if found != value:
                yield f"{field} of {node.address} is {found}, not {value}"


def _slots(wanted: Mapping[str, str], known: Mapping[str, NodePicture]) -> Iterator[str]:
    for name, ranges in wanted.items():
        node = known.get(name)
        owned = set(to_slots(parse_ranges(node.slots))) if node and node.slots else set()
        missing = set(to_slots(parse_ranges(ranges))) - owned
        if missing:
            yield f"{name} does not own {format_slots(missing, limit=RANGES_SHOWN)}"
