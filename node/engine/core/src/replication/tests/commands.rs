//! WAIT, ROLE, REPLICAOF, REPLCONF and the checks on writes.

use super::net::Net;
use crate::clients::origin::Origin;
use crate::engine::effects::{Action, Event};
use crate::replication::state::snapshot_link::Channel;
use crate::testing::Bench;

fn in_sync(directives: &[(&str, &str)]) -> Net {
    let mut net = Net::new(2, directives, 1);
    net.follow(1, 0);
    net.settle();
    net.turns(150);
    net
}

#[test]
fn wait_answers_when_replicas_have_acknowledged() {
    let mut net = in_sync(&[]);
    let client = net.nodes[0].client;
    net.say(0, "SET a b");
    assert_eq!(net.say(0, "WAIT 1 0"), "");
    assert!(net.nodes[0].engine.clients.sessions.get(client).unwrap().is_suspended());
    net.turns(20);
    assert_eq!(net.heard(0, client), ":1");
    assert_eq!(net.say(0, "WAIT 1 100"), ":1", "nothing was written since");
    assert_eq!(net.say(0, "WAIT 2 100"), "");
    net.turns(9);
    assert_eq!(net.heard(0, client), "");
    net.turns(3);
    assert_eq!(net.heard(0, client), ":1", "the timeout answers with what there is");
}

#[test]
fn client_reply_skip_drops_what_wait_answers_later() {
    let mut net = in_sync(&[]);
    let client = net.nodes[0].client;
    net.say(0, "SET a b");
    net.say(0, "CLIENT REPLY SKIP");
    assert_eq!(net.say(0, "WAIT 1 0"), "");
    net.turns(20);
    assert!(!net.nodes[0].engine.clients.sessions.get(client).unwrap().is_suspended());
    assert_eq!(net.heard(0, client), "");
    assert_eq!(net.say(0, "GET a"), "$1 b");
    net.say(0, "CLIENT REPLY OFF");
    assert_eq!(net.say(0, "WAIT 2 100"), "");
    net.turns(12);
    assert_eq!(net.heard(0, client), "");
}

#[test]
fn wait_counts_only_what_is_applied() {
    let mut net = in_sync(&[]);
    let client = net.nodes[0].client;
    net.piece_bytes_max = 0;
    net.say(0, "SET a b");
    assert_eq!(net.say(0, "WAIT 1 500"), "");
    net.turns(60);
    assert_eq!(net.heard(0, client), ":0");
    assert!(net.say(0, "WAIT 1 -1").starts_with("-ERR timeout is negative"));
    assert!(net.say(1, "WAIT 1 0").starts_with("-ERR WAIT cannot be used with replica instances"));
}

#[test]
fn a_wait_ends_when_the_node_becomes_a_replica() {
    let mut net = Net::new(2, &[], 1);
    net.say(0, "SET a b");
    net.say(0, "WAIT 1 0");
    let client = net.nodes[0].client;
    let other = net.nodes[0].engine.open_session(Origin::Client).key;
    net.say_as(0, other, &[b"REPLICAOF", b"127.0.0.1", b"7001"]);
    assert!(net.heard(0, client).starts_with("-UNBLOCKED"));
}

#[test]
fn replicas_refuse_writes_unless_told_otherwise() {
    let mut net = in_sync(&[]);
    assert_eq!(net.say(1, "SET a b"), "-READONLY You can't write against a read only replica.");
    net.nodes[1].engine.settings.replica_read_only = false;
    assert_eq!(net.say(1, "SET a b"), "+OK");
    let offset = net.field(1, "master_repl_offset");
    assert_eq!(net.say(1, "SET c d"), "+OK");
    assert_eq!(net.field(1, "master_repl_offset"), offset, "local writes are not in the stream");
}

#[test]
fn keys_that_clients_write_at_a_replica_expire_there() {
    let mut net = in_sync(&[]);
    net.nodes[1].engine.settings.replica_read_only = false;
    for line in ["SET own v PX 50", "SET later v EX 100", "SET stays v"] {
        assert_eq!(net.say(1, line), "+OK");
    }
    assert!(net.say(1, "INFO stats").contains("slave_expires_tracked_keys:2"));
    net.turns(100);
    assert_eq!(net.say(1, "DBSIZE"), ":2");
    assert!(net.say(1, "INFO stats").contains("slave_expires_tracked_keys:1"));
}

#[test]
fn a_queue_of_writes_is_refused_after_the_role_has_changed() {
    let mut net = Net::new(2, &[], 1);
    assert_eq!(net.say(0, "MULTI"), "+OK");
    assert_eq!(net.say(0, "SET a b"), "+QUEUED");
    net.nodes[0].engine.follow("127.0.0.1", 7001);
    assert_eq!(
        net.say(0, "EXEC"),
        "-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica."
    );
}

#[test]
fn stale_data_is_served_unless_told_otherwise() {
    let mut net = in_sync(&[]);
    net.unreachable.push(0);
    net.cut(1);
    assert_eq!(net.say(1, "GET a"), "$-1");
    net.nodes[1].engine.settings.replica_serve_stale_data = false;
    assert!(net.say(1, "GET a").starts_with("-MASTERDOWN"));
    assert_eq!(net.say(1, "ROLE"), "*5 $5 slave $9 127.0.0.1 :7000 $7 connect :-1");
}

#[test]
fn writes_need_as_many_good_replicas_as_asked_for() {
    let mut net = in_sync(&[("min-replicas-to-write", "1"), ("min-replicas-max-lag", "3")]);
    assert_eq!(net.say(0, "SET a b"), "+OK");
    assert_eq!(net.field(0, "min_slaves_good_slaves"), "1");
    net.piece_bytes_max = 0;
    net.turns(450);
    assert_eq!(net.say(0, "SET a b"), "-NOREPLICAS Not enough good replicas to write.");
    net.piece_bytes_max = 1000;
    net.turns(200);
    assert_eq!(net.say(0, "SET a b"), "+OK");
}

#[test]
fn role_and_replicaof_say_what_redis_says() {
    let mut net = in_sync(&[]);
    let offset = net.field(0, "master_repl_offset");
    let role = net.say(0, "ROLE");
    assert!(role.starts_with(&format!("*3 $6 master :{offset} *1 *3 $9 127.0.0.1 $4 7001 ")), "{role}");
    let role = net.say(1, "ROLE");
    assert_eq!(role, format!("*5 $5 slave $9 127.0.0.1 :7000 $9 connected :{offset}"));
    assert_eq!(net.say(1, "REPLICAOF 127.0.0.1 7000"), "+OK Already connected to specified master");
    assert_eq!(net.say(1, "REPLICAOF 127.0.0.1 70000"), "-ERR Invalid master port");
    assert_eq!(net.say(1, "SLAVEOF no one"), "+OK");
    assert_eq!(net.say(1, "SLAVEOF no one"), "+OK");
    assert_eq!(net.say(0, "REPLCONF a"), "-ERR syntax error");
    assert_eq!(net.say(0, "REPLCONF a b"), "-ERR Unrecognized REPLCONF option: a");
    assert_eq!(net.say(0, "REPLCONF listening-port 1 capa eof capa unheard-of"), "+OK");
    net.nodes[0].engine.settings.cluster_enabled = true;
    assert_eq!(net.say(0, "REPLICAOF NO ONE"), "-ERR REPLICAOF not allowed in cluster mode.");
}

#[test]
fn a_replica_of_an_unsynced_replica_has_to_wait() {
    let mut net = Net::new(2, &[], 1);
    net.unreachable.push(0);
    net.follow(1, 0);
    assert!(net.say(1, "PSYNC ? -1").starts_with("-NOMASTERLINK"));
    assert!(net.say(1, "PSYNC ? x").starts_with("-NOMASTERLINK"));
}

#[test]
fn old_replicas_get_a_snapshot_with_its_length() {
    let mut net = Net::new(1, &[], 1);
    (0..3000).for_each(|i| drop(net.say(0, &format!("SET key:{i} {i}"))));
    let old = net.nodes[0].engine.open_session(Origin::Client).key;
    assert_eq!(net.say_as(0, old, &[b"SYNC"]), "");
    let (mut header, mut snapshot) = (String::new(), Vec::new());
    for _ in 0..100 {
        net.turn();
        header += &net.heard(0, old);
        loop {
            let bytes = net.nodes[0].engine.replica_output(old).to_vec();
            if bytes.is_empty() {
                break;
            }
            net.nodes[0].engine.replica_sent(old, bytes.len());
            snapshot.extend_from_slice(&bytes);
        }
        if snapshot.len() > 1000 {
            break;
        }
    }
    assert!(snapshot.starts_with(b"REDIS"), "{header}");
    assert_eq!(header, format!("${}", snapshot.len()));
    net.say(0, "SET next one");
    let next = net.nodes[0].engine.replica_output(old).to_vec();
    assert!(next.starts_with(b"*2\r\n$6\r\nSELECT\r\n"), "{}", next.escape_ascii());
}

#[test]
fn replica_notices_a_primary_that_stalls_in_the_handshake() {
    let mut bench = Bench::new(&[("repl-timeout", "5")]);
    bench.engine.follow("127.0.0.1", 7000);
    bench.engine.primary_link_connected(Channel::Stream);
    bench.engine.primary_link_bytes(Channel::Stream, b"+PONG\r\n");
    let client = bench.client();
    assert_eq!(bench.say(client, "ROLE"), "*5 $5 slave $9 127.0.0.1 :7000 $9 handshake :-1");
    bench.engine.effects.events.clear();
    bench.advance(5_001);
    bench.engine.cron();
    assert!(bench.engine.effects.actions.contains(&Action::Unfollow(Channel::Stream)));
    assert!(bench.engine.effects.events.iter().any(
        |event| matches!(event, Event::Log { message, .. } if message.contains("Timeout connecting to the MASTER"))
    ));
}
