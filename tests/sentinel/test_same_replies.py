"""Commands whose replies are the same letter by letter, errors included."""

from __future__ import annotations

import pytest

from tests.commands.wire import Peers

SAME = """
PING
PING hello
PING a b
GET a
SET key value more and more and more
MULTI
CONFIG GET port
EVAL x 0
SENTINEL
SENTINEL nothing
SENTINEL master
SENTINEL master nobody
SENTINEL masters more
SENTINEL replicas nobody
SENTINEL slaves nobody
SENTINEL sentinels nobody
SENTINEL get-master-addr-by-name nobody
SENTINEL get-master-addr-by-name orders
SENTINEL ckquorum nobody
SENTINEL ckquorum orders
SENTINEL failover nobody
SENTINEL remove nobody
SENTINEL reset nobody*
SENTINEL set nobody quorum 1
SENTINEL set orders nothing 1
SENTINEL set orders quorum
SENTINEL set orders quorum 0
SENTINEL set orders quorum x
SENTINEL set orders down-after-milliseconds 0
SENTINEL set orders failover-timeout -1
SENTINEL set orders parallel-syncs 0
SENTINEL set orders notification-script /bin/true
SENTINEL monitor orders 127.0.0.1 6379 2
SENTINEL monitor other nowhere 6379 2
SENTINEL monitor other 127.0.0.1 x 2
SENTINEL monitor other 127.0.0.1 6379 x
SENTINEL monitor other 127.0.0.1 6379 0
SENTINEL monitor other 127.0.0.1 99999 1
SENTINEL monitor other 127.0.0.1 6379
SENTINEL is-master-down-by-addr 127.0.0.1 1 0 *
SENTINEL is-master-down-by-addr 127.0.0.1 x 0 *
SENTINEL is-master-down-by-addr 127.0.0.1 1 x *
SENTINEL config get announce-ip
SENTINEL config get nothing
SENTINEL config set nothing 1
SENTINEL config set announce-port x
SENTINEL config set resolve-hostnames maybe
SENTINEL config nothing 1
SENTINEL debug nothing 1
SENTINEL debug info-period x
SENTINEL debug info-period
SENTINEL simulate-failure nothing
SENTINEL simulate-failure help
SENTINEL pending-scripts
SENTINEL info-cache nobody
SENTINEL flushconfig
ROLE
ROLE more
PUBLISH other message
PUBLISH
INFO nothing
AUTH x
AUTH default anything
AUTH nobody x
AUTH a b c
HELLO 4
HELLO x
HELLO 3 AUTH nobody x
HELLO 3 SETNAME a b
HELLO 3 nothing
CLIENT
CLIENT nothing
CLIENT GETNAME
CLIENT SETNAME joe
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID 99999999
CLIENT KILL ID x
CLIENT KILL nothing x
CLIENT KILL TYPE nothing
CLIENT KILL USER nobody
CLIENT KILL SKIPME maybe
CLIENT LIST nothing
CLIENT LIST TYPE nothing
CLIENT LIST TYPE pubsub
CLIENT LIST ID x
CLIENT NO-EVICT maybe
CLIENT NO-EVICT on
CLIENT REPLY maybe
CLIENT TRACKINGINFO
CLIENT GETREDIR
CLIENT CACHING yes
CLIENT UNBLOCK 5
CLIENT UNBLOCK x
CLIENT UNBLOCK 5 maybe
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 1 maybe
CLIENT PAUSE 10 WRITE
CLIENT UNPAUSE
ACL
ACL nothing
ACL WHOAMI
ACL USERS
ACL LIST
ACL CAT
ACL CAT nothing
ACL CAT keyspace
ACL GETUSER default
ACL GETUSER nobody
ACL SETUSER joe +nothing
ACL SETUSER joe +@nothing
ACL SETUSER joe +sentinel|nothing
ACL SETUSER joe nothing
ACL SETUSER joe (+ping
ACL SETUSER joe allchannels &x
ACL SETUSER joe allkeys ~x
ACL SETUSER joe #zz
ACL SETUSER joe <x
ACL DELUSER default
ACL DELUSER nobody
ACL DRYRUN default ping
ACL DRYRUN nobody ping
ACL DRYRUN default nothing
ACL GENPASS x
ACL GENPASS 0
ACL GENPASS 9999
ACL LOG x
ACL LOG RESET
ACL SAVE
ACL LOAD
COMMAND COUNT
COMMAND nothing
COMMAND INFO nothing
COMMAND GETKEYS PING
COMMAND GETKEYS PING a
COMMAND GETKEYS nothing a
COMMAND LIST nothing
COMMAND LIST FILTERBY MODULE x
COMMAND DOCS nothing
SHUTDOWN nothing
SHUTDOWN ABORT
SHUTDOWN SAVE NOSAVE
UNSUBSCRIBE
PUNSUBSCRIBE
SUBSCRIBE
""".strip().splitlines()


@pytest.mark.parametrize("line", SAME)
def test_same(peers: Peers, line: str) -> None:
    peers.same(*line.split())


@pytest.mark.parametrize(
    "name", ["ping", "publish", "role", "client|list", "sentinel|masters", "auth", "hello"]
)
def test_command_info(peers: Peers, name: str) -> None:
    peers.same("COMMAND", "INFO", name)


def test_command_list(peers: Peers) -> None:
    theirs, ours = peers.redis("COMMAND", "LIST"), peers.garrison("COMMAND", "LIST")
    assert sorted(ours) == sorted(theirs)


@pytest.mark.parametrize("category", ["pubsub", "admin", "fast", "connection", "slow", "dangerous"])
def test_categories(peers: Peers, category: str) -> None:
    """Ours may know more, such as QUIT; nothing of Redis's is in another category."""
    theirs, ours = peers.redis("ACL", "CAT", category), peers.garrison("ACL", "CAT", category)
    assert set(theirs) - set(ours) == set()
    known = set(peers.redis("COMMAND", "LIST"))
    assert (set(ours) & known) - set(theirs) == set()
