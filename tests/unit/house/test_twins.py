"""Tests mirror the tree: `cluster/core/check.py` has its twin in `tests/unit/cluster/core/test_check.py`.

Many modules are tested through others, by real processes, or in the simulators, and have no twin; they are in
`WITHOUT_TWIN`. That list may only shrink: a new module comes with its test.
"""

from __future__ import annotations

from pathlib import Path

from tests.conftest import COMPONENTS

WITHOUT_TWIN = frozenset(
    [
        "base/clock.py",
        "base/daemon.py",
        "base/directive_lines.py",
        "base/list_value_types.py",
        "base/listen.py",
        "base/tls_directives.py",
        "client/client.py",
        "client/cluster_router.py",
        "client/commands/base.py",
        "client/core/fanout.py",
        "client/core/resp.py",
        "client/core/url.py",
        "client/execution.py",
        "client/router.py",
        "client/sentinel_link.py",
        "client/sentinel_router.py",
        "client/sinks.py",
        "client/wire.py",
        "cluster/core/ranges.py",
        "cluster/core/rebalance.py",
        "cluster/demo/cluster_act.py",
        "cluster/demo/command.py",
        "cluster/demo/load.py",
        "cluster/demo/restart_act.py",
        "cluster/demo/sentinel_act.py",
        "cluster/demo/story.py",
        "cluster/documents.py",
        "cluster/errors.py",
        "cluster/local/cluster.py",
        "cluster/local/process.py",
        "cluster/local/sentinel_group.py",
        "cluster/manager/commands.py",
        "cluster/manager/fix.py",
        "cluster/manager/form.py",
        "cluster/manager/key_migration.py",
        "cluster/manager/members.py",
        "cluster/manager/progress.py",
        "cluster/manager/slot_commands.py",
        "cluster/manager/slot_migration.py",
        "node/border/events.py",
        "node/border/plane.py",
        "node/border/requests.py",
        "node/core/bus_counters.py",
        "node/core/bus_extensions.py",
        "node/core/bus_fields.py",
        "node/core/cluster_commands.py",
        "node/core/command_slots.py",
        "node/core/command_values.py",
        "node/core/context.py",
        "node/core/data_set.py",
        "node/core/effects.py",
        "node/core/flags.py",
        "node/core/manual_failover.py",
        "node/core/nodes.py",
        "node/core/packets.py",
        "node/core/replica_migration.py",
        "node/core/serving.py",
        "node/core/settings.py",
        "node/core/slot_migration.py",
        "node/directives/cluster.py",
        "node/directives/garrison_only.py",
        "node/directives/lists.py",
        "node/directives/memory.py",
        "node/directives/persistence.py",
        "node/directives/replication.py",
        "node/directives/sentinel.py",
        "node/directives/server.py",
        "node/directives/users.py",
        "node/process.py",
        "node/shell/bridge.py",
        "node/shell/bus_sockets.py",
        "node/shell/cluster_settings.py",
        "node/shell/control_commands.py",
        "node/shell/shutdown.py",
        "sentinel/config/directives.py",
        "sentinel/config/lines.py",
        "sentinel/core/effects.py",
        "sentinel/core/explain.py",
        "sentinel/core/instances.py",
        "sentinel/core/monitors.py",
        "sentinel/core/sentinel.py",
        "sentinel/core/settings.py",
        "sentinel/core/subcommand_table.py",
        "sentinel/process.py",
        "sentinel/server/acl_commands.py",
        "sentinel/server/client_commands.py",
        "sentinel/server/clients.py",
        "sentinel/server/command_info.py",
        "sentinel/server/command_table.py",
        "sentinel/server/dispatch.py",
        "sentinel/server/info_command.py",
        "sentinel/server/login.py",
        "sentinel/server/pubsub.py",
        "sentinel/status.py",
    ]
)
WITHOUT_TWIN_MAX = 96
"""Lower it when the list has shrunk."""


def modules(root: Path) -> list[Path]:
    """The modules of all components, relative to the root."""
    found = []
    for component in COMPONENTS:
        for path in sorted((root / component).rglob("*.py")):
            relative = path.relative_to(root)
            if not path.stem.startswith("__") and relative.parts[:2] != ("node", "engine"):
                found.append(relative)
    return found


def twin_of(root: Path, module: Path) -> Path:
    return root / "tests" / "unit" / module.parent / f"test_{module.name}"


def test_new_modules_have_a_twin(root: Path) -> None:
    lonely = {str(module) for module in modules(root) if not twin_of(root, module).exists()}
    assert lonely - WITHOUT_TWIN == set()


def test_list_names_only_modules_without_a_twin(root: Path) -> None:
    """Who writes the missing test, or removes the module, shortens the list."""
    lonely = {str(module) for module in modules(root) if not twin_of(root, module).exists()}
    assert WITHOUT_TWIN - lonely == set()


def test_list_does_not_grow() -> None:
    assert len(WITHOUT_TWIN) <= WITHOUT_TWIN_MAX
