"""The command line: redis-cli's names, refusals with advice, and where the password comes from."""

from __future__ import annotations

import pytest

from garrison.cli.core.formats import Format
from garrison.cli.core.options import ELSEWHERE, OPTIONS, help_text, parse
from garrison.client.errors import UsageError


def test_names_of_redis_cli_are_understood() -> None:
    line = (
        "-h db1 -p 7000 -a secret --user ann -n 2 -3 -r 5 -i 0.5 -c -x -e --csv -d , --tls --cacert ca.pem "
        "--no-auth-warning SET key -5"
    )
    options = parse(line.split(), {})
    assert (options.host, options.port, options.username, options.password) == ("db1", 7000, "ann", "secret")
    assert (options.database, options.protocol, options.repeat, options.interval_s) == (2, 3, 5, 0.5)
    assert options.follows_redirects
    assert options.last_from_stdin
    assert options.exits_with_error
    assert options.tls
    assert (options.form, options.between, options.cacert, options.warns) == (
        Format.CSV,
        ",",
        "ca.pem",
        False,
    )
    assert options.words == ["SET", "key", "-5"]


@pytest.mark.parametrize(
    "words", [["-u", "redis://ann:s%40t@db1:7001/3"], ["redis://ann:s%40t@db1:7001/3", "PING"]]
)
def test_url_names_server_login_and_database(words: list[str]) -> None:
    options = parse(words, {})
    assert (options.host, options.port, options.database) == ("db1", 7001, 3)
    assert (options.username, options.password, options.password_in_arguments) == ("ann", "s@t", True)


def test_url_may_name_a_socket_or_tls() -> None:
    assert parse(["unix:///run/g.sock"], {}).socket == "/run/g.sock"
    assert parse(["rediss://db1"], {}).tls


def test_environment_gives_password_and_port() -> None:
    environment = {"REDISCLI_AUTH": "old", "GARRISONCLI_AUTH": "new", "GARRISON_PORT": "7003"}
    options = parse([], environment)
    assert (options.password, options.port, options.password_in_arguments) == ("new", 7003, False)
    assert parse(["-a", "mine", "-p", "1"], environment).password == "mine"


def test_json_asks_for_resp3_unless_told_otherwise() -> None:
    assert parse(["--json"], {}).protocol == 3
    assert parse(["--json", "-2"], {}).protocol == 2


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("--bigkey", "did you mean '--bigkeys'?"),
        ("--cluster info x", "garrison cluster"),
        ("-p", "-p takes a value: -p PORT"),
        ("-p 70000", "-p takes a number from 0 to 65535"),
        ("-n x", "-n takes a whole number, not 'x'"),
        ("-i -1 PING", "-i takes a number of seconds"),
        ("--show-pushes maybe", "yes or no"),
        ("sentinel://a/b", "Sentinels"),
        ("redis://a:x", "port"),
    ],
)
def test_wrong_line_is_refused_with_advice(line: str, advice: str) -> None:
    with pytest.raises(UsageError, match=advice.replace("?", r"\?")):
        parse(line.split(), {})


def test_refusal_does_not_print_the_password() -> None:
    with pytest.raises(UsageError) as refused:
        parse(["-a", "secret", "redis://:hidden@db1:x"], {})
    assert "secret" not in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert "secret" not in repr(parse(["-a", "secret"], {}))


def test_help_names_every_option() -> None:
    text = help_text()
    for option in (option for group in OPTIONS.values() for option in group):
        assert all(name in text for name in option.names)
    assert max(map(len, text.splitlines())) <= 100
    assert parse(["-h"], {}).mode == "help"


def test_no_name_is_taken_twice() -> None:
    names = [name for group in OPTIONS.values() for option in group for name in option.names]
    assert len(names) == len(set(names))
    assert not set(names) & set(ELSEWHERE)
