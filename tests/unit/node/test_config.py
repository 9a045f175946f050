"""The configuration as a whole: priorities, refusals with their place, what is less safe than it looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from garrison.node.config import Config, ConfigError, load


def refusal(*arguments: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(arguments, environment)
    return str(caught.value)


def test_defaults() -> None:
    config = load([])
    assert (config.integer("port"), config.flag("cluster-enabled"), config.file) == (6379, False, "")
    assert config.bus_port == 16379


def test_options_override_file_and_file_overrides_environment(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("maxclients 20\ntimeout 20\n")
    environment = {"GARRISON_MAXCLIENTS": "10", "GARRISON_TIMEOUT": "10", "GARRISON_HZ": "11"}
    config = load([str(path), "--timeout", "30"], environment)
    assert [config.integer(name) for name in ("maxclients", "timeout", "hz")] == [20, 30, 11]
    assert config.file == str(path)


def test_save_lines_add_up_within_a_source_and_replace_across() -> None:
    assert load(["--save", "10", "1", "--save", "20", "2"]).text("save") == "10 1 20 2"
    assert load(["--save", "10", "1"], {"GARRISON_SAVE": "5 5"}).text("save") == "10 1"
    assert load(["--save", ""]).text("save") == ""
    assert load(["--save"]).text("save") == ""
    assert load(["--save", "10 1 20 2"]).text("save") == "10 1 20 2"


def test_aliases_mean_the_same_directive() -> None:
    assert load(["--slave-priority", "7"]).integer("replica-priority") == 7
    assert load(["--slaveof", "10.0.0.1", "6379"]).text("replicaof") == "10.0.0.1 6379"
    assert load(["--replicaof", "no", "one"]).text("replicaof") == ""


def test_a_bad_value_names_file_line_value_and_what_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("port 7000\n\nmaxclients abc\n")
    assert refusal(str(path)) == (
        f"{path}, line 3: 'maxclients abc': argument couldn't be parsed into an integer; "
        "maxclients takes an integer from 1 to 4294967295"
    )


def test_bytes_that_are_no_text_are_for_passwords_only() -> None:
    assert "not UTF-8" in refusal("--logfile", "\udcff")
    assert load(["--requirepass", "\udcff"]).text("requirepass") == "\udcff"


def test_an_unknown_directive_suggests_one() -> None:
    assert (
        refusal("--maxmemry", "1")
        == "option --maxmemry: there is no directive 'maxmemry'; did you mean 'maxmemory'?"
    )


def test_a_missing_value() -> None:
    assert "option --port: 'port ': wrong number of arguments" in refusal("--port")
    assert "wrong number of arguments" in refusal("--port", "1", "2")


def test_a_password_is_never_shown() -> None:
    assert "hidden" in refusal("--requirepass", "a", "secret")
    assert "secret" not in refusal("--requirepass", "a", "secret")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tls-port", "6380"),
        ("--tls-cluster", "yes"),
        ("--aclfile", "users.acl"),
        ("--rename-command", "FLUSHALL", ""),
        ("--loadmodule", "x.so"),
        ("--user", "alice", "on", "nopass", "+@all", "~*"),
    ],
)
def test_what_would_be_less_safe_without_is_refused(arguments: tuple[str, ...]) -> None:
    assert "not built yet" in refusal(*arguments)


def test_default_user_line_written_by_redis_is_accepted() -> None:
    load(["--user", "default", "on", "nopass", "sanitize-payload", "~*", "&*", "+@all"])
    digest = "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    load(["--requirepass", "secret", "--user", "default", "on", digest, "~*", "&*", "+@all"])
    assert "not built yet" in refusal("--user", "default", "on", digest, "~*", "&*", "+@all")
    assert "not built yet" in refusal("--user", "default", "on", "nopass", "~a*", "+@all")


def test_cluster_and_replicaof_exclude_each_other() -> None:
    assert "CLUSTER REPLICATE" in refusal("--cluster-enabled", "yes", "--replicaof", "a", "1")


def test_a_bus_port_must_exist() -> None:
    assert "stay below 55536" in refusal("--cluster-enabled", "yes", "--port", "60000")
    assert load(["--cluster-enabled", "yes", "--port", "60000", "--cluster-port", "9"]).bus_port == 9


def test_what_has_no_effect_is_listed() -> None:
    config = load(["--io-threads", "4", "--save", "", "--maxclients", "9"])
    assert config.without_effect() == ["io-threads"]


def test_the_engine_gets_every_directive_that_config_knows() -> None:
    settings = Config().engine_settings()
    assert settings["hash-max-listpack-entries"] == "512"
    assert not {"user", "loadmodule", "rename-command"} & set(settings)
    assert all(re.fullmatch(r"[a-z0-9_-]+", name) for name in settings)
