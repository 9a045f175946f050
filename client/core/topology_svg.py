"""A topology as one self-contained SVG: the slots as a strip, and a card for each shard.

For notebooks and documents. It has a ground of its own, light or dark as the reader's system asks, so it is
readable wherever it is put; letters beside the colours serve who does not see them. All text is escaped, and
the size of the document is bounded whatever the topology is.

>>> shard = DrawnShard(DrawnNode("10.0.0.1:6379"), ((0, 16383),), (DrawnNode("10.0.0.2:6379", "zone b"),))
>>> draw_svg("1 shard", [shard]).startswith("<svg ")
True
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from string import ascii_letters
from typing import Literal

from garrison.client.core.slots import SLOT_COUNT

__all__ = ["DrawnNode", "DrawnShard", "draw_html", "draw_svg", "ranges_text"]

Range = tuple[int, int]
Health = Literal["ok", "doubtful", "down"]

WIDTH = 760
MARGIN = 16
INNER_WIDTH = WIDTH - 2 * MARGIN
CARDS_IN_ROW = 3
GAP = 12
CARD_WIDTH = (INNER_WIDTH - GAP * (CARDS_IN_ROW - 1)) // CARDS_IN_ROW
LINE_HEIGHT = 17
STRIP_HEIGHT = 26
LETTER_WIDTH_MIN = 12
SHARDS_DRAWN_MAX = 120
REPLICAS_DRAWN_MAX = 8
TEXT_CHARACTERS_MAX = 28
"""What fits into a card at 12 pixels."""
RANGES_NAMED_MAX = 3
HUE_FIRST, HUES, HUE_STEP = 40.0, 280.0, 107.0
"""Hues by golden sections of the circle, without the reds, which say that something is wrong."""
HUE_OF_FIRST_SHARD = 170.0

STYLE = """\
.garrison-picture{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.garrison-picture .ground{fill:#fff;stroke:#c8ccd2}
.garrison-picture .card{fill:#f5f6f8;stroke:#c8ccd2}
.garrison-picture .word{fill:#1c2127}
.garrison-picture .soft{fill:#59636e}
.garrison-picture .doubtful{fill:#8a5a00}
.garrison-picture .down{fill:#b3261e;font-weight:bold}
.garrison-picture .gap{fill:#b3261e}
.garrison-picture .letter{fill:#fff;font-weight:bold;text-anchor:middle}
@media (prefers-color-scheme:dark){
.garrison-picture .ground{fill:#15191e;stroke:#3d444d}
.garrison-picture .card{fill:#1f252c;stroke:#3d444d}
.garrison-picture .word{fill:#e8eaed}
.garrison-picture .soft{fill:#a3adb8}
.garrison-picture .doubtful{fill:#f0b429}
.garrison-picture .down{fill:#ff8a80}
.garrison-picture .gap{fill:#ff8a80}
}"""

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class DrawnNode:
    """One node: its address, a few words about it, and how it is."""

    label: str
    note: str = ""
    health: Health = "ok"


@dataclass(frozen=True)
class DrawnShard:
    """A primary with its slots as inclusive ranges, and its replicas."""

    primary: DrawnNode
    ranges: tuple[Range, ...] = ()
    replicas: tuple[DrawnNode, ...] = ()

    @property
    def slot_count(self) -> int:
        return sum(last + 1 - first for first, last in self.ranges)


def draw_html(title: str, shards: Sequence[DrawnShard], *, has_slots: bool = True) -> str:
    """The same as HTML that scrolls where it does not fit."""
    return f'<div style="max-width:100%;overflow-x:auto">{draw_svg(title, shards, has_slots=has_slots)}</div>'


def draw_svg(title: str, shards: Sequence[DrawnShard], *, has_slots: bool = True) -> str:
    """Draw `shards` in their order; without slots there is no strip, as under Sentinels."""
    drawn = shards[:SHARDS_DRAWN_MAX]
    letters = [ascii_letters[at % len(ascii_letters)] for at in range(len(shards))]
    parts = [_text(title, MARGIN, 28, "word", most=90)]
    y = 42
    if has_slots:
        parts += _strip(shards, letters, y)
        y += STRIP_HEIGHT + 18
    cards, y = _cards(drawn, letters, y, has_slots=has_slots)
    parts += cards
    if len(shards) > len(drawn):
        parts.append(_text(f"and {len(shards) - len(drawn)} more shards", MARGIN, y + 14, "soft"))
        y += 24
    height = y + MARGIN - GAP
    label = _clean(f"{title}: {len(shards)} shards", 200)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="garrison-picture" role="img" aria-label="{label}" '
        f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"><title>{label}</title>'
        f"<style>{STYLE}</style>"
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
        f"{''.join(parts)}</svg>"
    )


def _strip(shards: Sequence[DrawnShard], letters: Sequence[str], y: int) -> list[str]:
    """Runs of one owner; a pixel in which a slot has no owner is a gap."""
    parts = []
    for owner, run in groupby(enumerate(_pixels(shards)), key=lambda pair: pair[1]):
        pixels = [at for at, _ in run]
        x, width = MARGIN + pixels[0], len(pixels)
        first, last = pixels[0] * SLOT_COUNT // INNER_WIDTH, (pixels[-1] + 1) * SLOT_COUNT // INNER_WIDTH - 1
        if owner is None:
            said = f"slots without owner within {first}-{last}"
            look = 'class="gap"'
        else:
            said = f"{letters[owner]}: {shards[owner].primary.label}, about {first}-{last}"
            look = f'fill="{_colour(owner)}"'
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{STRIP_HEIGHT}" {look}>'
            f"<title>{_clean(said, 200)}</title></rect>"
        )
        if width >= LETTER_WIDTH_MIN:
            mark = "!" if owner is None else letters[owner]
            parts.append(f'<text class="letter" x="{x + width / 2:.1f}" y="{y + 17}">{mark}</text>')
    parts.append(_text("0", MARGIN, y + STRIP_HEIGHT + 12, "soft"))
    parts.append(_text(str(SLOT_COUNT - 1), WIDTH - MARGIN, y + STRIP_HEIGHT + 12, "soft", anchor="end"))
    return parts


def _pixels(shards: Sequence[DrawnShard]) -> list[int | None]:
    """For each pixel of the strip, the number of the shard that owns its first slots; None for a gap."""
    owners: list[int | None] = [None] * SLOT_COUNT
    for at, shard in enumerate(shards):
        for first, last in shard.ranges:
            first, last = max(first, 0), min(last, SLOT_COUNT - 1)
            owners[first : last + 1] = [at] * max(last + 1 - first, 0)
    pixels: list[int | None] = []
    for at in range(INNER_WIDTH):
        within = owners[at * SLOT_COUNT // INNER_WIDTH : (at + 1) * SLOT_COUNT // INNER_WIDTH]
        pixels.append(None if None in within else within[0])
    return pixels


def _cards(
    shards: Sequence[DrawnShard], letters: Sequence[str], y: int, *, has_slots: bool
) -> tuple[list[str], int]:
    """The cards in rows, and where they end."""
    parts = []
    for start in range(0, len(shards), CARDS_IN_ROW):
        row = shards[start : start + CARDS_IN_ROW]
        bodies = [_body(shard, has_slots=has_slots) for shard in row]
        height = max(map(len, bodies)) * LINE_HEIGHT + 12
        for column, body in enumerate(bodies):
            x, at = MARGIN + column * (CARD_WIDTH + GAP), start + column
            parts.append(
                f'<rect class="card" x="{x}" y="{y}" width="{CARD_WIDTH}" height="{height}" rx="5"/>'
                f'<rect x="{x + 8}" y="{y + 8}" width="14" height="14" rx="3" fill="{_colour(at)}"/>'
                f'<text class="letter" x="{x + 15}" y="{y + 19}">{letters[at]}</text>'
            )
            for number, (text, look, indent) in enumerate(body):
                parts.append(_text(text, x + indent, y + 19 + number * LINE_HEIGHT, look))
        y += height + GAP
    return parts, y


def _body(shard: DrawnShard, *, has_slots: bool) -> list[tuple[str, str, int]]:
    """The lines of a card: text, class, indentation in pixels."""
    lines = [(_said(shard.primary), _look(shard.primary, "word"), 28)]
    if has_slots:
        lines.append((f"{shard.slot_count} slots {ranges_text(shard.ranges)}", "soft", 28))
    shown = shard.replicas[:REPLICAS_DRAWN_MAX]
    lines += [(f"+ {_said(replica)}", _look(replica, "soft"), 28) for replica in shown]
    hidden = len(shard.replicas) - REPLICAS_DRAWN_MAX
    if hidden > 0:
        lines.append((f"+ {hidden} more replicas", "soft", 28))
    if not shard.replicas:
        lines.append(("no replicas", "soft", 28))
    return lines


def _said(node: DrawnNode) -> str:
    return f"{node.label} {node.note}".rstrip()


def _look(node: DrawnNode, healthy: str) -> str:
    return healthy if node.health == "ok" else node.health


def ranges_text(ranges: Iterable[Range]) -> str:
    """``0-99,205``, the first few; the rest is counted."""
    listed = list(ranges)
    shown = ",".join(
        str(first) if first == last else f"{first}-{last}" for first, last in listed[:RANGES_NAMED_MAX]
    )
    hidden = len(listed) - RANGES_NAMED_MAX
    return f"{shown} +{hidden}" if hidden > 0 else shown


def _colour(at: int) -> str:
    return f"hsl({HUE_FIRST + (HUE_OF_FIRST_SHARD + at * HUE_STEP) % HUES:.0f},52%,42%)"


def _text(
    text: str, x: int, y: int, look: str, *, anchor: str = "start", most: int = TEXT_CHARACTERS_MAX
) -> str:
    placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
    whole = f"<title>{_clean(text, 400)}</title>" if len(text) > most else ""
    return f'<text class="{look}" x="{x}" y="{y}"{placed}>{_clean(text, most)}{whole}</text>'


def _clean(text: str, most: int) -> str:
    """Text for XML: shortened, escaped, without what no XML document may have."""
    text = _NOT_IN_XML.sub("?", text)
    return escape(text if len(text) <= most else f"{text[: most - 1]}…")
