"""Both spellings of the command line mean the same."""

import pytest
import typer.main

from garrison.cluster.admin_group import AdminGroup
from garrison.cluster.cli import app
from garrison.cluster.redis_cli_options import OURS, Options, translate_options


@pytest.fixture(scope="module")
def group() -> AdminGroup:
    found = typer.main.get_command(app)
    assert isinstance(found, AdminGroup)
    return found


@pytest.fixture(scope="module")
def options(group: AdminGroup) -> Options:
    return group.options()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("create a:1 b:2 --cluster-replicas 1 --cluster-yes", "create a:1 b:2 --replicas 1 --yes"),
        ("check 127.0.0.1 7000", "check 127.0.0.1:7000"),
        (
            "check 127.0.0.1:7000 --cluster-search-multiple-owners",
            "check 127.0.0.1:7000 --search-multiple-owners",
        ),
        (
            "rebalance h:1 --cluster-weight a=1 b=2 --cluster-simulate",
            "rebalance h:1 --weight a=1 --weight b=2 --dry-run",
        ),
        ("rebalance --cluster-weight=a=1 h:1", "rebalance --weight a=1 h:1"),
        ("reshard h:1 --cluster-from=x,y --cluster-to z", "reshard h:1 --from=x,y --to z"),
        ("reshard --cluster-slots 10 h 7000 --yes", "reshard --slots 10 h:7000 --yes"),
        ("add-node a:1 b:2 --cluster-slave --cluster-master-id x", "add-node a:1 b:2 --replica --primary x"),
        ("info h:1 -a secret --tls", "-a secret --tls info h:1"),
        ("--json info h:1 --pass=x", "--json --pass=x info h:1"),
        ("call h:1 SET k -a --cluster-only-masters", "call --only-primaries h:1 -- SET k -a"),
        ("call --cluster-only-replicas h 7000 GET k", "call --only-replicas h:7000 -- GET k"),
        ("call -a pw h:1 PING", "-a pw call h:1 -- PING"),
        ("set-timeout h 7000 500", "set-timeout h:7000 500"),
        ("del-node h:1 0123abcd", "del-node h:1 0123abcd"),
        ("check 7000", "check 7000"),
        ("add-node 7006 7000", "add-node 7006 7000"),
        ("set-timeout 7000 500", "set-timeout 7000 500"),
        ("call 7000 PING", "call 7000 -- PING"),
        ("call --tls 7000 GET 5", "--tls call 7000 -- GET 5"),
        ("check redis://h:7000", "check h:7000"),
        ("check redis://bob:pw@h:7000", "--user=bob --pass=pw check h:7000"),
        ("-a other check rediss://:pw@h", "--pass=pw --tls -a other check h:6379"),
        (
            "import 7000 --from redis://:pw@h:1 --copy",
            "import 7000 --from h:1 --from-pass=pw --copy",
        ),
        ("import 7000 --from=redis://h:1", "import 7000 --from=h:1"),
        ("import 7000 --from rediss://h:1", "import 7000 --from rediss://h:1"),
        ("call redis://h:1 SET k redis://x:1", "call h:1 -- SET k redis://x:1"),
        ("check redis://h:1/3", "check redis://h:1/3"),
        ("check 7000 --password-file f --address-map a=b", "--password-file f --address-map a=b check 7000"),
        ("check 7000 --password x", "--password x check 7000"),
        ("fix h 7000 --with-unreachable", "fix h:7000 --with-unreachable"),
    ],
)
def test_translate_options(theirs: str, ours: str, options: Options) -> None:
    assert translate_options(theirs.split(), options) == ours.split()
    assert translate_options(ours.split(), options)[-1] == ours.split()[-1], (
        "our own spelling must stay as it is"
    )


def test_each_option_of_redis_cli_is_one_of_a_command(group: AdminGroup) -> None:
    known = {name for command in group.commands.values() for param in command.params for name in param.opts}
    assert set(OURS.values()) <= known
