"""One screen of plain text about a deployment: `garrison status`."""

from datetime import tzinfo

from garrison.cluster.core.manager.jobs import Job
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.verdict import complaints
from garrison.cluster.top.columns import Row, fitting, header_text, row_text, rows_of
from garrison.cluster.top.headline import sums_line
from garrison.cluster.top.timeline import event_line, job_line

EVENTS_SHOWN_MAX = 3
FIXED_LINES = 4
"""Headline, sums, header of the table and verdict."""
ROWS_MIN = 3


def status_lines(
    picture: Picture, jobs: tuple[Job, ...] = (), *, width: int, height: int, zone: tzinfo | None = None
) -> list[str]:
    """What is there, what is wrong, what is being done; nodes are left out, and counted, to fit a screen.

    Where not all fit, the ones that are not ok stay.
    """
    found = [f"wrong: {each}" for each in complaints(picture)]
    notes = [f"note: {each}" for each in picture.problems]
    doing = [f"job: {job_line(job)}" for job in jobs if not job.state.has_ended]
    doing += [event_line(event, zone) for event in picture.events[-EVENTS_SHOWN_MAX:]]
    rows = rows_of(picture)
    room = max(height - FIXED_LINES - len(found) - len(notes) - len(doing), ROWS_MIN)
    lines = [_headline(picture), sums_line(picture, width)]
    if rows:
        lines += _table(rows, width, room, has_slots=picture.kind == "cluster")
    return [*lines, *doing, *notes, *(found or ["healthy"])]


def _headline(picture: Picture) -> str:
    words = {"cluster": "cluster", "sentinel": "primaries under Sentinels", "single": "server"}[picture.kind]
    name = f" {picture.name}" if picture.name else ""
    leader = next((each for each in picture.managers if each.leads), None)
    led = f", led by the manager {leader.address or leader.id}" if leader else ""
    mode = f", mode {picture.mode}" if picture.mode else ""
    return f"{words}{name}{led}{mode}"


def _table(rows: list[Row], width: int, room: int, *, has_slots: bool) -> list[str]:
    shown = rows
    if len(rows) > room:
        unwell = [row for row in rows if row.node.state != "ok" or row.node.link_up is False]
        kept = {row.node.id for row in [*unwell, *rows][: room - 1]}
        shown = [row for row in rows if row.node.id in kept]
    longest = max(len(row.node.address) for row in shown)
    columns, name_width = fitting(width, longest, has_slots=has_slots)
    lines = [header_text(columns, name_width), *(row_text(row, columns, name_width) for row in shown)]
    if len(shown) < len(rows):
        lines.append(f"... and {len(rows) - len(shown)} more nodes")
    return [line.rstrip() for line in lines]
