"""The lines of the panel of jobs and events, and of the view of one node."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from garrison.cluster.core.manager.jobs import Job, Progress
from garrison.cluster.core.manager.picture import Event, NodePicture, Picture
from garrison.cluster.top import figures
from garrison.cluster.top.columns import lag_text

BAR_WIDTH = 10
SLOW_COMMANDS_SHOWN_MAX = 10
EVENTS_OF_NODE_SHOWN_MAX = 10
SEVERITY_MARKS = {"info": " ", "warning": "!", "error": "E"}


def clock(at_ms: int, zone: tzinfo | None = UTC) -> str:
    """HH:MM:SS in a time zone; None is the machine's own."""
    return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%H:%M:%S")


def panel_lines(picture: Picture, jobs: Sequence[Job], height: int, zone: tzinfo | None = UTC) -> list[str]:
    """Jobs that have not ended, then events, the newest first: at most `height` lines."""
    open_jobs = [job for job in jobs if not job.state.has_ended]
    lines = [job_line(job) for job in open_jobs[:height]]
    newest = picture.events[::-1][: height - len(lines)]
    lines += [event_line(event, zone) for event in newest]
    return lines or ["no jobs, and nothing has happened"]


def job_line(job: Job) -> str:
    bar = "#" * round(job.done_fraction * BAR_WIDTH)
    left = f", {figures.age(job.seconds_left)} left" if job.seconds_left is not None else ""
    waits = f", waits for {job.waits_for}" if job.waits_for and job.state is Progress.WAITING else ""
    why = f", {job.why}" if job.why else ""
    progress = f"[{bar:.<{BAR_WIDTH}}] {job.done_fraction * 100:.0f}%"
    return f"{job.id} {progress} {job.state.value}{left}{waits}: {job.title}{why}"


def event_line(event: Event, zone: tzinfo | None = UTC) -> str:
    return f"{clock(event.at_ms, zone)} {SEVERITY_MARKS[event.severity]} {event.kind}: {event.text}"


def detail_lines(picture: Picture, node: NodePicture, now_ms: int, zone: tzinfo | None = UTC) -> list[str]:
    """Everything that is known of one node: itself, its load, replication, slow commands, events."""
    load = node.load
    asked = f"{figures.age((now_ms - node.as_of_ms) / 1000)} ago" if node.as_of_ms else "never"
    took = f" in {node.answered_in_ms:.1f} ms" if node.answered_in_ms is not None else ""
    lines = [
        f"{node.role} {node.address}{f' ({node.hostname})' if node.hostname else ''}",
        f"id        {node.id}",
        f"state     {node.state.value}{f': {node.why}' if node.why else ''}; answered {asked}{took}",
        f"place     host {node.host or '-'}, zone {node.zone or '-'}",
        f"version   {node.version or '-'}, up {figures.age(node.uptime_s) if node.uptime_s else '-'}, "
        f"last save {_ago(node.last_save_age_s)}",
        f"memory    {figures.size(load.memory_bytes)} of {figures.size(load.memory_max_bytes)}, "
        f"resident {figures.size(load.memory_rss_bytes)}",
        f"load      {figures.count(load.ops_per_s)} ops/s, cpu {figures.percent(load.cpu_fraction)}, "
        f"hits {figures.percent(load.hit_rate)}, p50 {figures.microseconds(load.p50_us)}, "
        f"p99 {figures.microseconds(load.p99_us)}",
        f"traffic   in {figures.size(load.input_bytes_per_s)}/s, "
        f"out {figures.size(load.output_bytes_per_s)}/s",
        f"removed   evicted {figures.count(load.evicted_per_s)}/s, "
        f"expired {figures.count(load.expired_per_s)}/s",
        f"clients   {figures.count(load.clients)}, blocked {figures.count(load.clients_blocked)}",
        f"keys      {figures.count(node.keys)}",
    ]
    if node.slot_count:
        lines.append(f"slots     {node.slot_count}: {node.slots}")
    lines += ["", "Replication", *_replication_lines(picture, node)]
    slow = sorted(
        (each for each in picture.slow_commands if each.node_id == node.id), key=lambda each: -each.at_ms
    )[:SLOW_COMMANDS_SHOWN_MAX]
    lines += ["", "Slow commands" if slow else "Slow commands: none known"]
    lines += [
        f"  {clock(each.at_ms, zone)} {figures.microseconds(each.duration_us):>6} "
        f"{' '.join(each.words)}{f'  ({each.client})' if each.client else ''}"
        for each in slow
    ]
    events = [event for event in picture.events if event.subject == node.id][::-1]
    if events:
        lines += ["", "Events"]
        lines += [f"  {event_line(event, zone)}" for event in events[:EVENTS_OF_NODE_SHOWN_MAX]]
    return lines


def _ago(seconds: int | None) -> str:
    return figures.UNKNOWN if seconds is None else f"{figures.age(seconds)} ago"


def _replication_lines(picture: Picture, node: NodePicture) -> list[str]:
    if node.role == "replica":
        primary = picture.node(node.primary_id or "")
        of = primary.address if primary else node.primary_id or "nobody"
        link = {True: "link up", False: "link down", None: "link unknown"}[node.link_up]
        behind = f"{figures.size(node.load.lag_bytes)} and {figures.milliseconds(node.load.lag_ms)} behind"
        return [f"  of {of}: {link}, {behind}"]
    replicas = [each for each in picture.nodes if each.primary_id == node.id]
    return [
        f"  {each.address}: {each.state.value}, lag {lag_text(each) or figures.UNKNOWN}" for each in replicas
    ] or ["  no replicas"]
