//! FAILOVER: who has the role afterwards, what the clients that waited are told, and that nothing is lost.

use super::net::Net;
use crate::clients::origin::Origin;
use crate::clients::session::SessionKey;

/// A primary with two replicas in sync.
fn three() -> Net {
    three_by(1)
}

fn three_by(seed: u64) -> Net {
    let mut net = Net::new(3, &[], seed);
    for i in 0..100 {
        net.say(0, &format!("SET key:{i} {i}"));
    }
    net.follow(1, 0);
    net.follow(2, 0);
    net.settle();
    net.turns(150);
    net
}

fn client(net: &mut Net, node: usize) -> SessionKey {
    net.nodes[node].engine.open_session(Origin::Client).key
}

fn state(net: &Net, node: usize) -> String {
    net.field(node, "master_failover_state")
}

fn until(net: &mut Net, what: &str, condition: impl Fn(&Net) -> bool) {
    for _ in 0..2000 {
        if condition(net) {
            return;
        }
        net.turn();
    }
    panic!("{what} does not come about: {} / {}", net.info(0), net.info(1));
}

#[test]
fn the_role_moves_without_a_full_sync() {
    let mut net = three();
    let syncs = net.nodes[0].engine.stats.counters.sync_full;
    net.piece_bytes_max = 150;
    net.say(0, "SET last written");
    assert_eq!(net.say(0, "FAILOVER TO 127.0.0.1 7001"), "+OK");
    let (writer, transaction, reader) = (client(&mut net, 0), client(&mut net, 0), client(&mut net, 0));
    assert_eq!(net.say_as(0, writer, &[b"SET", b"last", b"lost"]), "", "the write waits");
    net.say_as(0, transaction, &[b"MULTI"]);
    net.say_as(0, transaction, &[b"SET", b"last", b"lost"]);
    assert_eq!(net.say_as(0, transaction, &[b"EXEC"]), "");
    assert_eq!(net.say_as(0, reader, &[b"GET", b"last"]), "$7 written", "reads go on");
    net.turn();
    assert_eq!(state(&net, 0), "waiting-for-sync");
    until(&mut net, "the hand-over", |net| state(net, 0) == "no-failover");
    assert_eq!((net.field(0, "role"), net.field(1, "role")), ("slave".into(), "master".into()));
    net.retry(0, writer);
    net.retry(0, transaction);
    assert_eq!(net.heard(0, writer), "-READONLY You can't write against a read only replica.");
    assert!(net.heard(0, transaction).starts_with("-EXECABORT"));
    net.piece_bytes_max = 20_000;
    net.follow(2, 1);
    net.settle();
    assert_eq!(net.say(1, "GET last"), "$7 written");
    assert_eq!(net.say(1, "SET after failover"), "+OK");
    net.settle();
    net.assert_same(0, 1);
    net.assert_same(2, 1);
    let total: u64 = net.nodes.iter().map(|node| node.engine.stats.counters.sync_full).sum();
    assert_eq!(total, syncs, "everybody goes on from where it stood");
}

#[test]
fn any_replica_that_has_everything_will_do_and_a_slow_one_will_not() {
    let mut net = three();
    net.cut(1);
    net.unreachable.push(1);
    assert_eq!(net.say(0, "FAILOVER"), "+OK");
    until(&mut net, "the hand-over", |net| state(net, 0) == "no-failover");
    assert_eq!(net.field(2, "role"), "master");
}

#[test]
fn a_timeout_and_abort_give_the_writes_back() {
    let mut net = three();
    net.piece_bytes_max = 0;
    net.say(0, "SET a b");
    let writer = client(&mut net, 0);
    for command in ["FAILOVER TIMEOUT 200", "FAILOVER"] {
        assert_eq!(net.say(0, command), "+OK");
        assert_eq!(net.say_as(0, writer, &[b"SET", b"c", b"d"]), "");
        net.turns(5);
        assert_eq!(state(&net, 0), "waiting-for-sync");
        if command == "FAILOVER" {
            net.turns(1000);
            assert_eq!(net.say(0, "REPLICAOF NO ONE"), "-ERR REPLICAOF not allowed while failing over.");
            assert_eq!(net.say(0, "CLIENT UNPAUSE"), "+OK");
            assert_eq!(net.say(0, "FAILOVER ABORT"), "+OK");
        } else {
            net.turns(30);
        }
        assert_eq!(state(&net, 0), "no-failover");
        net.retry(0, writer);
        assert_eq!(net.heard(0, writer), "+OK");
        assert_eq!(net.field(0, "role"), "master");
    }
    assert_eq!(net.say(0, "FAILOVER ABORT"), "-ERR No failover in progress.");
}

#[test]
fn it_ends_when_nobody_is_left_to_take_over() {
    let mut net = three();
    net.piece_bytes_max = 0;
    net.say(0, "SET a b");
    assert_eq!(net.say(0, "FAILOVER TO 127.0.0.1 7002"), "+OK");
    net.turns(3);
    net.unreachable.push(2);
    net.cut(2);
    net.turns(3);
    assert_eq!(state(&net, 0), "no-failover");
    assert_eq!(net.say(0, "SET a c"), "+OK");
}

#[test]
fn force_hands_over_at_the_deadline_and_the_target_wins() {
    let mut net = three();
    net.piece_bytes_max = 0;
    net.say(0, "SET a lost");
    assert_eq!(net.say(0, "FAILOVER TO 127.0.0.1 7001 FORCE TIMEOUT 100"), "+OK");
    net.turns(15);
    assert_eq!(state(&net, 0), "failover-in-progress");
    net.piece_bytes_max = 20_000;
    net.settle_without(2);
    assert_eq!(state(&net, 0), "no-failover");
    assert_eq!((net.field(0, "role"), net.field(1, "role")), ("slave".into(), "master".into()));
    net.assert_same(0, 1);
}

#[test]
fn a_refusal_leaves_the_primary_what_it_was() {
    let mut net = three();
    net.piece_bytes_max = 0;
    net.say(0, "SET a b");
    assert_eq!(net.say(0, "FAILOVER TO 127.0.0.1 7001 FORCE TIMEOUT 20"), "+OK");
    net.turns(5);
    net.say(1, "REPLICAOF NO ONE");
    net.piece_bytes_max = 20_000;
    until(&mut net, "the refusal", |net| state(net, 0) == "no-failover");
    assert_eq!(net.field(0, "role"), "master");
    assert_eq!(net.say(0, "SET a c"), "+OK");
    let id = "a".repeat(40);
    let refused = net.say(0, &format!("PSYNC {id} 1 FAILOVER"));
    assert_eq!(refused, "-ERR PSYNC FAILOVER can't be sent to a master.");
    let refused = net.say(2, &format!("PSYNC {id} 1 FAILOVER"));
    assert_eq!(refused, "-ERR PSYNC FAILOVER replid must match my replid.");
}

#[test]
fn an_answer_that_was_lost_makes_no_second_primary() {
    let mut tried = 0;
    for seed in 1..20 {
        let mut net = three_by(seed);
        assert_eq!(net.say(0, "FAILOVER TO 127.0.0.1 7001"), "+OK");
        net.piece_bytes_max = 150;
        until(&mut net, "the promotion", |net| net.field(1, "role") == "master");
        if state(&net, 0) != "failover-in-progress" {
            continue;
        }
        // The target has heard PSYNC FAILOVER; its answer is still on its way, whole or in part.
        tried += 1;
        net.cut(0);
        net.piece_bytes_max = 20_000;
        net.settle_without(2);
        assert_eq!((net.field(0, "role"), net.field(1, "role")), ("slave".into(), "master".into()));
        assert_eq!(state(&net, 0), "no-failover");
    }
    assert!(tried > 2, "the answer was never on its way");
}
