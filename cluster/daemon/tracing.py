"""OpenTelemetry spans of jobs and failovers, when `garrison[tracing]` is installed and asked for.

BACKGROUND  All that a span of a job says stands in the records: when it and its steps began and ended. So the
            manager that sees a job end writes the whole trace at once, also of steps that another began.
INVARIANTS  Only the leader writes, and only what ended while this process looked: what a new manager reads in
            the records was written by others. Nothing of OpenTelemetry is imported unless it is asked for.
BEHAVIOUR   Asked for by the standard variables: OTEL_TRACES_EXPORTER, or OTEL_EXPORTER_OTLP_ENDPOINT or
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT; unless OTEL_SDK_DISABLED is `true`. What cannot be set up is a
            warning, as a manager without traces is better than none.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Self

from garrison.cluster.core.manager.jobs import Job, Progress, Step
from garrison.cluster.core.manager.picture import Event, NodeState, Picture

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

TEXT_CHARACTERS_MAX = 256
"""Of one attribute: slot ranges may be long."""
FLUSH_TIMEOUT_S = 3.0
NS_PER_MS = 1_000_000
DOUBTED = frozenset({NodeState.SUSPECTED, NodeState.FAILED, NodeState.SILENT, NodeState.DATA_LOST})
ASKED_BY = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTERS = "opentelemetry_traces_exporter"
"""The entry points under which exporters are found by name."""
logger = logging.getLogger("garrison.manager")


class Tracing:
    """Writes spans of what ended while `leads` was true. Without a provider it does nothing."""

    def __init__(self, provider: "TracerProvider | None", leads: Callable[[], bool]) -> None:
        self._provider = provider
        self._leads = leads
        self._open: set[str] = set()
        """Jobs that have been seen before their end."""
        self._doubted_ms: dict[str, int] = {}
        """Primary -> when it was suspected first."""
        self._before = Picture(at_ms=0)

    @classmethod
    def of_environment(cls, environ: Mapping[str, str], leads: Callable[[], bool]) -> Self:
        """As the OTEL_* variables ask for."""
        return cls(provider_of(environ), leads)

    def changed(self, jobs: Sequence[Job]) -> None:
        """These jobs have changed."""
        for job in jobs:
            if not job.state.has_ended:
                self._open.add(job.id)
            elif job.id in self._open:
                self._open.discard(job.id)
                if self._provider is not None and self._leads() and job.began_ms is not None:
                    self._write_job(self._provider, job)

    def seen(self, picture: Picture, events: Sequence[Event]) -> None:
        """A new picture, and what has happened since the last."""
        for event in events:
            if event.kind == "failover" and self._provider is not None and self._leads():
                self._write_failover(self._provider, picture, event)
        doubted = {n.id for n in picture.nodes if n.role == "primary" and n.state in DOUBTED}
        self._doubted_ms = {id: self._doubted_ms.get(id, picture.at_ms) for id in doubted}
        self._before = picture

    async def close(self) -> None:
        """Send what is left, for at most `FLUSH_TIMEOUT_S`."""
        if self._provider is not None:
            ending = threading.Thread(target=self._provider.shutdown, daemon=True)
            ending.start()
            await asyncio.to_thread(ending.join, FLUSH_TIMEOUT_S)

    def _write_job(self, provider: "TracerProvider", job: Job) -> None:
        from opentelemetry.trace import set_span_in_context

        assert job.began_ms is not None
        tracer = provider.get_tracer("garrison.manager")
        facts = {
            "garrison.job.id": job.id,
            "garrison.job.kind": job.kind.value,
            "garrison.job.title": job.title[:TEXT_CHARACTERS_MAX],
            "garrison.job.reason": job.reason[:TEXT_CHARACTERS_MAX],
            "garrison.job.state": job.state.value,
            "garrison.job.by": job.by,
            "garrison.job.harm": job.harm,
        }
        root = tracer.start_span(f"job {job.kind}", attributes=facts, start_time=job.began_ms * NS_PER_MS)
        for index, step in enumerate(job.steps):
            if step.began_ms is None:
                continue
            span = tracer.start_span(
                f"step {step.kind}",
                context=set_span_in_context(root),
                attributes=_step_facts(index, step),
                start_time=step.began_ms * NS_PER_MS,
            )
            _set_status(span, step.state, step.why)
            ended_ms = step.ended_ms if step.ended_ms is not None else job.ended_ms
            span.end((ended_ms or step.began_ms) * NS_PER_MS)
        _set_status(root, job.state, job.why)
        root.end((job.ended_ms or job.began_ms) * NS_PER_MS)

    def _write_failover(self, provider: "TracerProvider", picture: Picture, event: Event) -> None:
        heir, was = picture.node(event.subject), self._before.node(event.subject)
        former = self._before.node(was.primary_id or "") if was is not None else None
        doubted_ms = self._doubted_ms.get(former.id) if former is not None else None
        facts: dict[str, str | bool | int] = {
            "garrison.failover.planned": doubted_ms is None,
            "garrison.failover.text": event.text[:TEXT_CHARACTERS_MAX],
            "garrison.failover.slots": heir.slot_count if heir is not None else 0,
        }
        for name, node in (("to", heir), ("from", former)):
            if node is not None:
                facts[f"garrison.failover.{name}.id"] = node.id
                facts[f"garrison.failover.{name}.address"] = node.address
        began_ms = doubted_ms or self._before.at_ms or event.at_ms
        tracer = provider.get_tracer("garrison.manager")
        span = tracer.start_span("failover", attributes=facts, start_time=began_ms * NS_PER_MS)
        span.end(event.at_ms * NS_PER_MS)


def provider_of(environ: Mapping[str, str]) -> "TracerProvider | None":
    """What sends spans, set up by the environment; None when they are not asked for or cannot be sent."""
    asked_by = next((name for name in ASKED_BY if environ.get(name)), None)
    if asked_by is None or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    names = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")]
    names = [_full_name(name, environ) for name in names if name not in ("", "none")]
    if not names:
        return None
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning("%s asks for traces: install garrison[tracing] for them", asked_by)
        return None
    named = {} if "OTEL_SERVICE_NAME" in environ else {"service.name": "garrison-manager"}
    if "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        named = {}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    for name in names:
        found = next(iter(entry_points(group=EXPORTERS, name=name)), None)
        if found is None:
            logger.warning("%s asks for the exporter %s, which is not installed", asked_by, name)
            continue
        provider.add_span_processor(BatchSpanProcessor(found.load()()))
    return provider


def _full_name(name: str, environ: Mapping[str, str]) -> str:
    """`otlp` alone is named by its protocol."""
    if name != "otlp":
        return name
    general = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", general)
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"


def _step_facts(index: int, step: Step) -> dict[str, str | int]:
    facts: dict[str, str | int] = {
        "garrison.step.index": index,
        "garrison.step.kind": step.kind.value,
        "garrison.step.state": step.state.value,
        "garrison.step.attempts": step.attempts,
        "garrison.step.explanation": step.explanation[:TEXT_CHARACTERS_MAX],
    }
    for name, value in step.arguments.items():
        facts[f"garrison.step.arguments.{name}"] = value[:TEXT_CHARACTERS_MAX]
    return facts


def _set_status(span: "Span", state: Progress, why: str) -> None:
    from opentelemetry.trace import StatusCode

    if state is Progress.DONE:
        span.set_status(StatusCode.OK)
    elif state.has_ended:
        span.set_status(StatusCode.ERROR, why[:TEXT_CHARACTERS_MAX])
