"""Spares are looked at before they are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.daemon import surveying
from garrison.cluster.daemon.surveying import Surveyor
from garrison.cluster.manager.admin_client import Access
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster


async def test_only_an_idle_empty_node_is_usable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cluster = TinyCluster.of("a", "b")
    idle, full = cluster.add_spare("s"), cluster.add_spare("f", keys=3)
    names = [str(node.address) for node in (idle, full, cluster.node("a"))]

    def client(*arguments: Any) -> TinyCluster:
        return cluster

    monkeypatch.setattr(surveying, "AdminClient", client)
    wish = DesiredState.model_validate(
        {"spares": [*names, "10.9.9.9:1"], "backups": [{"target": str(tmp_path)}]}
    )
    surveyor = Surveyor(Access(), lambda: wish, Records)
    await surveyor._look_at_spares()
    await surveyor._look_at_backups()
    assert [spare.usable for spare in surveyor.spares] == [True, False, False, False]
    assert [spare.why for spare in surveyor.spares][1:3] == ["it has 3 keys", "it knows other nodes already"]
    assert [(each.count, each.newest_ms) for each in surveyor.backups] == [(0, None)]
