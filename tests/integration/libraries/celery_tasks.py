"""A Celery application, which test and worker make; the worker's servers come from the environment."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from tests.integration.sentinels import NAME


def add(a: int, b: int) -> int:
    return a + b


def total(numbers: list[int]) -> int:
    return sum(numbers)


def fail_once(task: Any) -> int:
    if task.request.retries == 0:
        raise task.retry()
    return int(task.request.retries)


def make_app(broker: str, backend: str) -> Celery:
    app = Celery("tasks", broker=broker, backend=backend)
    app.conf.update(
        broker_transport_options={"master_name": NAME, "visibility_timeout": 60},
        result_backend_transport_options={"master_name": NAME},
        broker_connection_retry_on_startup=True,
        task_acks_late=True,
    )
    app.task(name="add")(add)
    app.task(name="total")(total)
    app.task(name="fail_once", bind=True, max_retries=2, default_retry_delay=0)(fail_once)
    return app


app = make_app(
    os.environ.get("CELERY_BROKER", "memory://"), os.environ.get("CELERY_BACKEND", "cache+memory://")
)
