"""A Sentinel's metrics and readiness."""

from __future__ import annotations

from dataclasses import replace

from garrison.base.metrics.exposition import render
from garrison.sentinel.core.figures import PrimaryFigures, SentinelFigures
from garrison.sentinel.server.sentinel_metrics import SentinelMetrics

ORDERS = PrimaryFigures(
    name="orders",
    address="10.0.0.1:6379",
    status="ok",
    replicas=2,
    replicas_ok=1,
    sentinels=3,
    sentinels_ok=2,
    has_quorum=True,
    quorum_text="OK 2 usable Sentinels",
    config_epoch=4,
    is_failing_over=False,
)
CALM = SentinelFigures(epoch=5, unsaved_reason="", in_tilt=False, primaries=(ORDERS,))
INFO = "\r\n".join(
    ["redis_version:7.2.0", "uptime_in_seconds:9", "used_cpu_sys:1", "used_cpu_user:2", "sentinel_masters:1"]
)


def metrics(figures: SentinelFigures = CALM) -> SentinelMetrics:
    return SentinelMetrics(lambda words: INFO, lambda: figures, {"orders": 2, "forgotten": 7})


async def test_primaries_are_shown_as_the_exporter_does() -> None:
    text = render(await metrics().collect()).decode()
    of_orders = 'master_address="10.0.0.1:6379",master_name="orders"'
    for line in (
        "redis_up 1",
        "redis_sentinel_masters 1",
        f'redis_sentinel_master_status{{{of_orders},master_status="ok"}} 1',
        f"redis_sentinel_master_ok_slaves{{{of_orders}}} 1",
        f"redis_sentinel_master_ok_sentinels{{{of_orders}}} 2",
        'redis_sentinel_master_ckquorum_status{master_name="orders",message="OK 2 usable Sentinels"} 1',
        "process_cpu_seconds_total 3",
        "garrison_sentinel_epoch 5",
        'garrison_sentinel_failovers_total{master_name="orders"} 2',
    ):
        assert f"\n{line}\n" in f"\n{text}"
    assert "forgotten" not in text


async def test_a_primary_that_is_down_is_0() -> None:
    down = replace(CALM, primaries=(replace(ORDERS, status="odown", has_quorum=False),))
    text = render(await metrics(down).collect()).decode()
    assert 'master_status="odown"} 0\n' in text
    assert 'message="OK 2 usable Sentinels"} 0\n' in text


def test_readiness_has_reasons() -> None:
    assert metrics().why_not_ready() == ""
    assert "TILT" in metrics(replace(CALM, in_tilt=True)).why_not_ready()
    assert "disk full" in metrics(replace(CALM, unsaved_reason="disk full")).why_not_ready()
