"""Spans of jobs and failovers, by the exporter that keeps them in memory."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Step, StepKind
from garrison.cluster.core.manager.picture import Event, NodePicture, NodeState, Picture
from garrison.cluster.daemon import tracing
from garrison.cluster.daemon.tracing import Tracing, provider_of

DONE, FAILED = Progress.DONE, Progress.FAILED
STEPS = (
    Step(
        kind=StepKind.RESTART, arguments={"node": "r"}, state=DONE, began_ms=1_000, ended_ms=2_000, attempts=1
    ),
    Step(kind=StepKind.HAND_OVER, state=FAILED, began_ms=2_500, ended_ms=3_000, why="no link", attempts=4),
    Step(kind=StepKind.RESTART),
)
RUNNING = Job(
    id="job-7", kind=JobKind.UPGRADE, title="t", reason="r", steps=STEPS, state=Progress.RUNNING, made_ms=900,
    began_ms=1_000,
)  # fmt: skip
ENDED = RUNNING.model_copy(update={"state": FAILED, "ended_ms": 3_000, "why": "no link"})


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def tracing_to(exporter: InMemorySpanExporter, *, leads: bool = True) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider, lambda: leads)


def times_ms(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time // 1_000_000, span.end_time // 1_000_000


def test_job_is_a_span_with_a_child_for_each_step_that_began(exporter: InMemorySpanExporter) -> None:
    traced = tracing_to(exporter)
    traced.changed([RUNNING])
    traced.changed([ENDED])
    *steps, job = exporter.get_finished_spans()
    assert (job.name, times_ms(job), job.status.description) == ("job upgrade", (1_000, 3_000), "no link")
    assert [(step.name, times_ms(step), step.status.status_code.name) for step in steps] == [
        ("step restart", (1_000, 2_000), "OK"),
        ("step hand-over", (2_500, 3_000), "ERROR"),
    ]
    assert all(step.parent is not None and step.parent.span_id == job.context.span_id for step in steps)
    assert steps[0].attributes is not None
    assert steps[0].attributes["garrison.step.arguments.node"] == "r"
    assert job.attributes is not None
    assert job.attributes["garrison.job.id"] == "job-7"


def test_what_others_ended_is_not_written_again(exporter: InMemorySpanExporter) -> None:
    tracing_to(exporter).changed([ENDED])
    follower = tracing_to(exporter, leads=False)
    follower.changed([RUNNING])
    follower.changed([ENDED])
    assert exporter.get_finished_spans() == ()


def picture(at_ms: int, former: NodeState, *, heir_leads: bool) -> Picture:
    nodes = (
        NodePicture(id="a", address="h:1", role="primary", state=former, slot_count=0 if heir_leads else 9),
        NodePicture(
            id="b",
            address="h:2",
            role="primary" if heir_leads else "replica",
            primary_id=None if heir_leads else "a",
            state=NodeState.OK,
            slot_count=9 if heir_leads else 0,
        ),
    )
    return Picture(at_ms=at_ms, nodes=nodes)


@pytest.mark.parametrize(
    ("former", "began_ms"), [(NodeState.SUSPECTED, 2_000), (NodeState.OK, 3_000)], ids=["crash", "planned"]
)
def test_failover_lasts_from_suspicion_to_new_primary(
    exporter: InMemorySpanExporter, former: NodeState, began_ms: int
) -> None:
    traced = tracing_to(exporter)
    traced.seen(picture(1_000, NodeState.OK, heir_leads=False), ())
    traced.seen(picture(2_000, former, heir_leads=False), ())
    traced.seen(picture(3_000, former, heir_leads=False), ())
    happened = Event(at_ms=4_000, kind="failover", text="b instead of a", subject="b")
    traced.seen(picture(4_000, former, heir_leads=True), [happened])
    (span,) = exporter.get_finished_spans()
    assert (span.name, times_ms(span)) == ("failover", (began_ms, 4_000))
    assert span.attributes is not None
    assert span.attributes["garrison.failover.from.address"] == "h:1"
    assert span.attributes["garrison.failover.to.address"] == "h:2"
    assert span.attributes["garrison.failover.planned"] == (former is NodeState.OK)


DISABLED = {"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}


@pytest.mark.parametrize("environ", [{}, {"OTEL_TRACES_EXPORTER": "none"}, DISABLED])
def test_nothing_is_traced_unless_asked_for(environ: dict[str, str]) -> None:
    assert provider_of(environ) is None


async def test_exporter_is_chosen_by_its_name(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Found:
        @staticmethod
        def load() -> Callable[[], InMemorySpanExporter]:
            return lambda: exporter

    def entry_points(*, group: str, name: str) -> list[Found]:
        asked.append(name)
        return [Found()]

    monkeypatch.setattr(tracing, "entry_points", entry_points)
    traced = Tracing.of_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, lambda: True)
    traced.changed([RUNNING])
    traced.changed([ENDED])
    await traced.close()
    assert asked == ["otlp_proto_http"]
    assert [span.name for span in exporter.get_finished_spans()][-1] == "job upgrade"
    assert exporter.get_finished_spans()[0].resource.attributes["service.name"] == "garrison-manager"


def test_missing_exporter_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert provider_of({"OTEL_TRACES_EXPORTER": "pigeon"}) is not None
    assert "pigeon, which is not installed" in caplog.text
    assert tracing.ASKED_BY[0] in caplog.text


def test_manager_imports_nothing_of_it_by_itself() -> None:
    code = (
        "import sys, garrison.cluster.daemon.manager_process, garrison.cluster.daemon.tracing as t; "
        "assert t.provider_of({}) is None; assert 'opentelemetry' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
