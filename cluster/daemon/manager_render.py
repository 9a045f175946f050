"""What `garrison manager` shows to people: plans, jobs, status and history."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from garrison.cluster.core.manager.jobs import AuditEntry, Job, Plan, Progress
from garrison.cluster.core.manager.manager_names import shown_name
from garrison.cluster.core.manager.status import ManagerStatus
from garrison.cluster.render import fitting_table

TIME = "%Y-%m-%d %H:%M:%S"
JOB_INDENT = 3
STYLES = {
    Progress.DONE: "green",
    Progress.FAILED: "red",
    Progress.STOPPED: "yellow",
    Progress.RUNNING: "bold",
}


def show_plan(plan: Plan, console: Console) -> None:
    """Each job with its reason and steps, then what was looked at and left, then the plan's id."""
    for number, job in enumerate(plan.jobs, 1):
        console.print(f"[bold]{number}. {escape(job.title)}[/bold]  [dim]{job.kind}, harm {job.harm}[/dim]")
        _indented(f"because {escape(job.reason)}", console)
        for step in job.steps:
            _listed(escape(step.explanation or step.kind), console, JOB_INDENT)
        if job.command:
            # Not folded: it is there to be copied.
            console.print(f"{' ' * JOB_INDENT}[dim]by hand: {escape(job.command)}[/dim]", soft_wrap=True)
        if job.why:
            _indented(f"[red]{job.state}: {escape(job.why)}[/red]", console)
        if job.waits_for:
            _indented(f"[yellow]waits for {escape(job.waits_for)}[/yellow]", console)
    if not plan.jobs:
        console.print("nothing to do")
    if plan.explanations:
        console.print("looked at, and left:" if plan.jobs else "looked at:")
    for line in plan.explanations:
        _listed(f"[dim]{escape(line)}[/dim]", console)
    if plan.jobs:
        console.print(f"plan {plan.id}, harm {plan.harm}")


def _indented(text: str, console: Console) -> None:
    """A paragraph that belongs to a job."""
    _folded(" " * JOB_INDENT, text, console)


def _listed(text: str, console: Console, indent: int = 0) -> None:
    """An item of a list."""
    _folded(" " * indent + "- ", text, console)


def _folded(lead: str, text: str, console: Console) -> None:
    """A paragraph whose folded lines stand below its text, not below what leads it."""
    for line in Text.from_markup(text).wrap(console, max(console.width - len(lead), 1)):
        line.rstrip()
        console.print(Text(lead) + line)
        lead = " " * len(lead)


def show_stored(plan: Plan, console: Console) -> None:
    """That a desired state is stored, and what happens now."""
    needs_consent = any(job.waits_for.startswith("consent") for job in plan.jobs)
    if needs_consent:
        console.print(
            f"stored; in the mode dry-run this is carried out by 'garrison manager consent {plan.id}'"
        )
    else:
        console.print("stored; 'garrison manager jobs' shows what is done" if plan.jobs else "stored")


def show_status(status: ManagerStatus, console: Console) -> None:
    """One screen."""
    console.print(f"manager   {escape(shown_name(status.id))}, {escape(_role(status))}")
    if not status.only_watches:
        paused = f" by {status.paused_by}" if status.paused_by else ""
        console.print(f"mode      {status.mode}{escape(paused)}")
        console.print(f"records   kept in the {status.keeping}")
    if status.kind == "cluster":
        console.print(f"slots     {status.slots_covered} served")
    if not status.only_watches:
        console.print(f"jobs      {status.jobs_open} open")
    if status.why_idle:
        _folded("idle      ", escape(status.why_idle), console)
    for problem in status.problems:
        if problem != status.why_idle:
            _folded("problem   ", f"[red]{escape(problem)}[/red]", console)


def _role(status: ManagerStatus) -> str:
    if status.only_watches:
        return "only watches"
    if status.leads:
        return f"leads, epoch {status.epoch}"
    return f"{shown_name(status.leader)} leads" if status.leader else "nobody leads"


def show_jobs(jobs: Sequence[Job], console: Console) -> None:
    """A table of jobs, the newest last."""
    if not jobs:
        console.print("no jobs")
        return
    rows = [
        {
            "job": job.id,
            "state": f"[{STYLES.get(job.state, 'default')}]{job.state}[/]",
            "done": f"{job.done_fraction:.0%}",
            "left": "" if job.seconds_left is None else f"{job.seconds_left:.0f} s",
            "what": escape(job.title),
            "why": escape(job.why or job.waits_for),
        }
        for job in jobs
    ]
    console.print(fitting_table(console, rows, ("left", "why")))


def show_job(job: Job, console: Console) -> None:
    """One job with its steps."""
    console.print(f"[bold]{escape(job.id)}[/bold] {job.state}: {escape(job.title)}")
    console.print(f"because {escape(job.reason)}")
    for step in job.steps:
        why = f": {escape(step.why)}" if step.why else ""
        console.print(
            f"- {step.state}, {step.done_fraction:.0%}: {escape(step.explanation or step.kind)}{why}"
        )
    if job.command:
        console.print(f"[dim]by hand: {escape(job.command)}[/dim]", soft_wrap=True)


def show_history(entries: Sequence[AuditEntry], console: Console) -> None:
    """Requests with what they led to, and ends of jobs, the newest first."""
    for entry in entries:
        at = datetime.fromtimestamp(entry.at_ms / 1000).astimezone().strftime(TIME)
        subject = f" ({entry.subject})" if entry.subject else ""
        by = f"{entry.by} from {entry.origin}" if entry.origin else entry.by
        console.print(f"{at}  {escape(by)}: {escape(entry.what)}{escape(subject)}")
        for change in entry.changes:
            console.print(f"  [dim]{escape(change)}[/dim]")
    if not entries:
        console.print("nothing yet")
