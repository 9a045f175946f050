"""The configuration of a Sentinel: what redis-sentinel's files say, and what we refuse with which reason."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from garrison.node.directives import cluster, memory, persistence, replication, server
from garrison.sentinel.config.config import Config, ConfigError, load
from garrison.sentinel.config.directives import ROWS, WITHOUT_MEANING
from garrison.sentinel.core.settings import Monitor

ID = "8062a282eb81db36adfae04d3dc29ba101f2b09a"
OTHER_ID = "1" * 40
MONITOR = "sentinel monitor a 127.0.0.1 6379 2\n"


def loaded(tmp_path: Path, text: str, *options: str) -> Config:
    path = tmp_path / "sentinel.conf"
    path.write_text(text)
    return load([str(path), *options])


def refusal(tmp_path: Path, text: str, *options: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, *options)
    return str(caught.value)


def only_monitor(config: Config) -> Monitor:
    (monitor,) = config.settings().monitors
    return monitor


def test_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, MONITOR)
    assert config.integer("port") == 26379
    assert not config.flag("protected-mode")
    monitor = only_monitor(config)
    assert (monitor.down_after_ms, monitor.failover_timeout_ms, monitor.parallel_syncs) == (
        30_000,
        180_000,
        1,
    )


def test_every_option_of_a_primary(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(stat.S_IRWXU)
    monitor = only_monitor(
        loaded(
            tmp_path,
            MONITOR + "sentinel down-after-milliseconds a 700\nsentinel failover-timeout a 6000\n"
            "sentinel parallel-syncs a 3\nsentinel auth-pass a \"p q\"\nsentinel auth-user a joe\n"
            f"sentinel notification-script a {script}\nsentinel client-reconfig-script a {script}\n"
            "sentinel master-reboot-down-after-period a 5\nsentinel rename-command a config guess\n"
            "sentinel config-epoch a 7\nsentinel leader-epoch a 8\nsentinel known-replica a 127.0.0.1 6380\n"
            f"sentinel known-slave a ::1 6381\nsentinel known-sentinel a 127.0.0.1 26380 {ID}\n",
        )
    )  # fmt: skip
    assert monitor == Monitor(
        "a",
        "127.0.0.1",
        6379,
        2,
        700,
        6000,
        3,
        "joe",
        "p q",
        str(script),
        str(script),
        5,
        {"CONFIG": "guess"},
        7,
        8,
        [("127.0.0.1", 6380), ("::1", 6381)],
        [("127.0.0.1", 26380, ID)],
    )


def test_every_option_of_the_whole(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        f"sentinel myid {ID}\nSENTINEL Current-Epoch 9\nsentinel announce-ip 10.0.0.1\n"
        "sentinel announce-port 5000\nsentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n"
        "sentinel deny-scripts-reconfig no\nsentinel sentinel-user u\nsentinel sentinel-pass p\n"
        "requirepass secret\nbind-source-addr 127.0.0.2\n",
    ).settings()
    assert (settings.my_id, settings.current_epoch) == (ID, 9)
    assert (settings.announce_ip, settings.announce_port) == ("10.0.0.1", 5000)
    assert (settings.resolve_hostnames, settings.announce_hostnames) == (True, True)
    assert not settings.deny_scripts_reconfig
    assert (settings.sentinel_user, settings.sentinel_pass) == ("u", "p")
    assert (settings.requirepass, settings.bind) == ("secret", ("127.0.0.2",))


def test_valkeys_spelling(tmp_path: Path) -> None:
    config = loaded(tmp_path, MONITOR + "sentinel primary-reboot-down-after-period a 5\n")
    assert only_monitor(config).reboot_down_after_ms == 5


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "sentinel auth-pass a x\nsentinel monitor a localhost 6379 2\nsentinel resolve-hostnames yes\n",
    )
    assert (only_monitor(config).host, only_monitor(config).auth_pass) == ("localhost", "x")


def test_the_epoch_is_never_behind_that_of_a_configuration(tmp_path: Path) -> None:
    text = MONITOR + "sentinel config-epoch a 12\nsentinel current-epoch 3\n"
    assert loaded(tmp_path, text).settings().current_epoch == 12


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (MONITOR + MONITOR, 2, "Duplicate master name"),
        ("sentinel monitor a 127.0.0.1 6379 0", 1, "Quorum must be 1 or greater"),
        ("sentinel monitor a 127.0.0.1 6379 x", 1, "Quorum must be 1 or greater"),
        ("sentinel monitor a 127.0.0.1 99999 1", 1, "Invalid port number"),
        ("sentinel monitor a 127.0.0.1 6379", 1, "Wrong number of arguments"),
        ("sentinel monitor a localhost 6379 1", 1, "Can't resolve instance hostname"),
        ("sentinel down-after-milliseconds a 1", 1, "No such master with specified name"),
        (MONITOR + "sentinel down-after-milliseconds a 0", 2, "negative or zero time parameter"),
        (MONITOR + "sentinel down-after-milliseconds a 12x", 2, "'12x' is not an integer"),
        (MONITOR + "sentinel failover-timeout a -1", 2, "negative or zero time parameter"),
        (MONITOR + "sentinel parallel-syncs a 0", 2, "parallel-syncs must be 1 or greater"),
        (MONITOR + "sentinel notification-script a /nope", 2, "non existing or non executable"),
        (MONITOR + "sentinel config-epoch a x", 2, "Invalid epoch"),
        ("sentinel myid abc", 1, "Malformed Sentinel id"),
        ("sentinel announce-port 99999", 1, "Invalid port number"),
        ("sentinel resolve-hostnames maybe", 1, "yes or no"),
        ("sentinel frobnicate a 1", 1, "Unrecognized sentinel configuration statement"),
        ("sentinel moniter a 127.0.0.1 6379 1", 1, "did you mean 'monitor'"),
        ("frobnicate yes", 1, "there is no directive 'frobnicate'"),
        ("port many", 1, "an integer from 0 to 65535"),
        ("port 'x", 1, "a quote stays open"),
        (MONITOR + "sentinel known-replica a 127.0.0.1 5\n" * 2, 3, "Duplicate hostname and port"),
        (
            MONITOR
            + f"sentinel known-sentinel a 127.0.0.1 5 {ID}\nsentinel known-sentinel a 127.0.0.1 6 {ID}",
            3,
            "Duplicate runid",
        ),
        (
            f"sentinel myid {ID}\n{MONITOR}sentinel known-sentinel a 127.0.0.1 5 {ID}",
            3,
            "cannot have our own myid",
        ),
        (
            MONITOR + "sentinel rename-command a CONFIG x\nsentinel rename-command a config y",
            3,
            "renamed multiple times",
        ),
    ],
)
def test_refusals_name_file_line_and_reason(tmp_path: Path, text: str, line: int, reason: str) -> None:
    message = refusal(tmp_path, text)
    assert f"{tmp_path / 'sentinel.conf'}, line {line}" in message
    assert reason in message
    assert text.splitlines()[line - 1].split()[0] in message


def test_a_password_is_not_shown_in_a_refusal(tmp_path: Path) -> None:
    assert "hunter2" not in refusal(tmp_path, "sentinel auth-pass a hunter2\n")
    assert "hunter2" not in refusal(tmp_path, "sentinel sentinel-pass hunter2 more\n")


def test_two_primaries_may_have_one_address(tmp_path: Path) -> None:
    config = loaded(tmp_path, MONITOR + "sentinel monitor b 127.0.0.1 6379 1\n")
    assert [monitor.name for monitor in config.settings().monitors] == ["a", "b"]


def test_without_a_file_there_is_no_sentinel() -> None:
    with pytest.raises(ConfigError, match="keeps its state in its configuration file"):
        load(["--port", "1"])


def test_options_win_over_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, "port 1\n" + MONITOR, "--port", "2", "--sentinel", "parallel-syncs", "a", "4")
    assert config.integer("port") == 2
    assert only_monitor(config).parallel_syncs == 4


def test_the_switch_of_redis_server_is_accepted(tmp_path: Path) -> None:
    config = loaded(tmp_path, MONITOR, "--sentinel", "--port", "2")
    assert (config.integer("port"), only_monitor(config).name) == (2, "a")


def test_the_options_of_the_first_start_can_stay(tmp_path: Path) -> None:
    """After a failover the file knows better than the options that the service is still started with."""
    config = loaded(
        tmp_path,
        "sentinel monitor a 127.0.0.1 7000 2\n",
        *[
            "--sentinel",
            "monitor",
            "a",
            "127.0.0.1",
            "6379",
            "2",
            "--sentinel",
            "monitor",
            "b",
            "127.0.0.1",
            "6380",
            "1",
        ],
    )
    assert [(each.name, each.port) for each in config.settings().monitors] == [("a", 7000), ("b", 6380)]


def test_state_in_an_included_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text(MONITOR)
    assert "rewrites them there" in refusal(tmp_path, f"include {tmp_path / 'more.conf'}\n")


def test_other_directives_of_redis_are_accepted_and_named(tmp_path: Path) -> None:
    config = loaded(tmp_path, "maxmemory 1gb\nsave 1 1\nlatency-tracking-info-percentiles 50 99 99.9\n")
    assert config.without_effect() == ["latency-tracking-info-percentiles", "maxmemory", "save"]


def test_tls_and_renaming_of_our_commands_are_refused(tmp_path: Path) -> None:
    assert "not built yet" in refusal(tmp_path, "tls-port 26380\n")
    assert "not built yet" in refusal(tmp_path, "rename-command INFO x\n")


def test_users_and_an_aclfile_exclude_each_other(tmp_path: Path) -> None:
    assert "keep one of the two" in refusal(tmp_path, "user joe on\naclfile users.acl\n")


def test_the_environment_configures_it(tmp_path: Path) -> None:
    path = tmp_path / "sentinel.conf"
    path.write_text("loglevel debug\n")
    config = load([str(path)], {"GARRISON_LOGLEVEL": "warning", "GARRISON_MAXCLIENTS": "77"})
    assert (config.text("loglevel"), config.integer("maxclients")) == ("debug", 77)


def test_every_directive_of_redis_is_known() -> None:
    rows = [row for module in (server, memory, persistence, replication, cluster) for row in module.ROWS]
    known = {name for row in rows for name in (row.name, row.alias) if name}
    ours = {
        "cluster-manager-connections-max",
        "cluster-manager-lease-ms-max",
        "cluster-manager-records-bytes-max",
        "cluster-outside-endpoint",
        "repl-backlog-seconds",
        "repl-backlog-size-max",
        "repl-digest-bytes",
    }
    assert known - {*ROWS, *WITHOUT_MEANING} == ours, "which only Garrison has"
    assert not set(ROWS) & WITHOUT_MEANING
