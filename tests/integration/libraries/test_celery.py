"""Celery and kombu: a worker in a process of its own, with broker and results in the server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kombu
import redis
from celery import Celery, chain, chord, group

from tests.integration.libraries import celery_tasks

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 30


@contextmanager
def running_worker(server: str, log: Path) -> Iterator[Celery]:
    """A worker with broker and results on this server; an application that uses it."""
    environment = os.environ | {"CELERY_BROKER": server, "CELERY_BACKEND": server, "PYTHONPATH": str(ROOT)}
    options = ["--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    with log.open("wb") as output, celery_tasks.make_app(server, server) as app:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", celery_tasks.__name__, "worker", *options],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            yield app
        finally:
            worker.terminate()
            assert worker.wait(TIMEOUT_S) == 0, log.read_text()


def test_celery(url: str, client: redis.Redis, tmp_path: Path) -> None:
    with running_worker(url, tmp_path / "worker.log") as app:
        add, total, fail_once = (app.tasks[name] for name in ("add", "total", "fail_once"))
        assert add.delay(1, 2).get(timeout=TIMEOUT_S) == 3
        assert add.apply_async((1, 2), countdown=0.2).get(timeout=TIMEOUT_S) == 3
        assert add.apply_async((1, 2), priority=6).get(timeout=TIMEOUT_S) == 3
        assert fail_once.delay().get(timeout=TIMEOUT_S) == 1
        assert group(add.s(n, n) for n in range(5))().get(timeout=TIMEOUT_S) == [0, 2, 4, 6, 8]
        assert chain(add.s(1, 2), add.s(3))().get(timeout=TIMEOUT_S) == 6
        assert chord([add.s(n, n) for n in range(5)], total.s())().get(timeout=TIMEOUT_S) == 20
        late = add.apply_async((1, 2), countdown=60)
        [reply] = app.control.ping(timeout=5.0, limit=1)
        assert list(reply.values()) == [{"ok": "pong"}]
        assert client.zcard("unacked_index") == 1
        late.revoke()


def test_celery_through_sentinel(sentinel: redis.Sentinel, sentinel_port: int, tmp_path: Path) -> None:
    with running_worker(f"sentinel://127.0.0.1:{sentinel_port}", tmp_path / "worker.log") as app:
        add, total = app.tasks["add"], app.tasks["total"]
        assert add.delay(1, 2).get(timeout=TIMEOUT_S) == 3
        assert chord([add.s(n, n) for n in range(3)], total.s())().get(timeout=TIMEOUT_S) == 6


def test_kombu(url: str, client: redis.Redis) -> None:
    """A queue, a message that is put back, and a fanout exchange."""
    with kombu.Connection(url) as connection, connection.SimpleQueue("jobs") as queue:
        queue.put({"job": 1})
        message = queue.get(timeout=5)
        assert message.payload == {"job": 1}
        assert client.hlen("unacked") == 1
        message.requeue()
        queue.get(timeout=5).ack()
        assert client.hlen("unacked") == 0
    news = kombu.Exchange("news", type="fanout")
    received: list[object] = []
    with (
        kombu.Connection(url) as connection,
        connection.Consumer(
            kombu.Queue("listener", news, exclusive=True),
            callbacks=[lambda body, _: received.append(body)],
            no_ack=True,
        ),
    ):
        while not received:  # It subscribes with its first look for messages.
            connection.Producer(exchange=news).publish("hello")
            try:
                connection.drain_events(timeout=0.1)
            except TimeoutError:
                pass
    assert received[0] == "hello"
