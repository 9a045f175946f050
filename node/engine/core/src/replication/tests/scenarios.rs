//! Readable runs: what each situation must end in.

use super::net::Net;

fn pair() -> Net {
    let mut net = Net::new(2, &[], 1);
    for i in 0..1000 {
        net.say(0, &format!("SET key:{i} value:{i}"));
        net.say(0, &format!("HSET hash:{} field:{i} {i}", i % 7));
    }
    net.say(0, "SELECT 3");
    net.say(0, "SET there three EX 1000");
    net.say(0, "SELECT 0");
    net
}

#[test]
fn a_full_sync_gives_all_databases_and_the_stream_follows() {
    let mut net = pair();
    net.follow(1, 0);
    net.settle();
    assert!(net.data(0).len() > 1000);
    net.assert_same(0, 1);
    net.say(0, "SET key:5 changed");
    net.say(0, "SELECT 3");
    net.say(0, "DEL there");
    net.say(0, "SET other x");
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.field(1, "master_link_status"), "up");
    assert!(net.field(0, "slave0").contains("port=7001,state=online"), "{}", net.info(0));
    assert_eq!(net.field(0, "master_replid"), net.field(1, "master_replid"));
}

#[test]
fn writes_during_a_full_sync_arrive_once() {
    let mut net = pair();
    net.piece_bytes_max = 300;
    net.follow(1, 0);
    for i in 0..400 {
        net.say(0, &format!("INCR counter:{}", i % 50));
        net.say(0, &format!("APPEND key:{} +", i % 900));
        net.say(0, &format!("HSET hash:{} field:{i} new", i % 9));
        net.say(0, &format!("DEL key:{}", 999 - i % 300));
        net.turn();
    }
    net.piece_bytes_max = 100_000;
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1);
}

#[test]
fn full_sync_that_is_loaded_shows_in_info() {
    let mut net = pair();
    net.piece_bytes_max = 300;
    net.follow(1, 0);
    let loading = |net: &mut Net| net.say(1, "INFO persistence").contains("async_loading:1");
    for _ in 0..400 {
        if loading(&mut net) {
            break;
        }
        net.turn();
    }
    let info = net.say(1, "INFO persistence");
    assert!(info.contains("async_loading:1") && info.contains("loading_loaded_bytes:"), "{info}");
    assert_eq!(net.say(1, "GET key:1"), "$-1", "the former data set is served");
    net.piece_bytes_max = 100_000;
    net.settle();
    assert!(!loading(&mut net));
}

#[test]
fn a_short_cut_needs_no_full_sync() {
    let mut net = pair();
    net.follow(1, 0);
    net.settle();
    for round in 0..20 {
        net.cut(1);
        net.say(0, &format!("SET round {round}"));
        net.say(0, &format!("RPUSH-is-not-a-command {round}"));
        let wait = net.prng.below(30) as usize;
        net.turns(wait);
    }
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1);
    assert!(net.nodes[0].engine.stats.counters.sync_partial_ok > 0);
}

#[test]
fn a_cut_longer_than_the_backlog_needs_one() {
    let mut net = Net::new(2, &[("repl-backlog-size", "20000")], 1);
    net.follow(1, 0);
    net.settle();
    net.cut(1);
    net.unreachable.push(0);
    for i in 0..100 {
        net.say(0, &format!("SET key:{i} {}", "x".repeat(1000)));
    }
    net.turns(10);
    net.unreachable.clear();
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 2);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_partial_err, 1);
}

#[test]
fn a_transaction_arrives_whole_or_not_at_all() {
    let mut net = Net::new(2, &[], 3);
    net.follow(1, 0);
    net.settle();
    net.piece_bytes_max = 20;
    for round in 0..60 {
        for command in [
            "MULTI".to_owned(),
            format!("SET a {round}"),
            format!("SET b {round}"),
            "SELECT 1".to_owned(),
            format!("SET c {round}"),
            "SELECT 0".to_owned(),
            "EXEC".to_owned(),
        ] {
            net.say(0, &command);
        }
        for _ in 0..10 {
            net.turn();
            if net.prng.below(8) == 0 {
                net.cut(1);
            }
            let values: Vec<_> = net.data(1).into_values().collect();
            assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "half a transaction is visible");
        }
    }
    net.piece_bytes_max = 1000;
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.data(1).len(), 3);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1);
}

#[test]
fn a_promoted_replica_is_followed_without_a_full_sync() {
    let mut net = pair();
    net.nodes.extend(Net::new(4, &[], 9).nodes.drain(2..));
    net.follow(1, 0);
    net.follow(2, 0);
    net.follow(3, 1);
    net.settle();
    // The old primary is gone; node 1 has all that node 2 has.
    net.unreachable.push(0);
    net.cut(1);
    net.cut(2);
    net.say(1, "REPLICAOF NO ONE");
    net.say(1, "SELECT 3");
    net.say(1, "SET after promotion");
    net.follow(2, 1);
    net.settle_without(0);
    net.assert_same(1, 2);
    net.assert_same(1, 3);
    assert_eq!(
        net.nodes[1].engine.stats.counters.sync_full, 1,
        "only the chained replica needed one, at first"
    );
    assert!(net.nodes[1].engine.stats.counters.sync_partial_ok >= 2);
    // The old primary has written on; it comes back as a replica and takes the others' data.
    net.say(0, "SET lost write");
    net.unreachable.clear();
    net.follow(0, 1);
    net.settle();
    net.assert_same(1, 0);
    assert_eq!(net.nodes[1].engine.stats.counters.sync_full, 2);
}

#[test]
fn a_clean_switch_of_roles_needs_no_full_sync() {
    let mut net = pair();
    net.follow(1, 0);
    net.settle();
    net.say(1, "REPLICAOF NO ONE");
    net.follow(0, 1);
    net.say(1, "SELECT 2");
    net.say(1, "SET a b");
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.nodes[1].engine.stats.counters.sync_full, 0);
    assert_eq!(net.nodes[1].engine.stats.counters.sync_partial_ok, 1);
}

#[test]
fn a_chain_passes_the_stream_on_byte_by_byte() {
    let mut net = pair();
    net.nodes.extend(Net::new(3, &[], 9).nodes.drain(2..));
    net.follow(1, 0);
    net.settle();
    net.say(0, "SELECT 3");
    net.say(0, "SET before the-chain");
    net.settle();
    net.follow(2, 1);
    net.settle();
    // The stream stands in database 3, and no SELECT comes before the next write.
    net.say(0, "SET in-three yes");
    net.settle();
    net.assert_same(0, 1);
    net.assert_same(0, 2);
    net.cut(1);
    net.say(0, "SET while cut");
    net.settle();
    net.assert_same(0, 2);
    assert_eq!(net.field(0, "master_repl_offset"), net.field(2, "master_repl_offset"));
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1);
    assert_eq!(net.nodes[1].engine.stats.counters.sync_full, 1);
}

#[test]
fn several_replicas_share_one_snapshot() {
    let mut net = Net::new(4, &[], 5);
    for i in 0..2000 {
        net.say(0, &format!("SET key:{i} {i}"));
    }
    for engine in net.nodes.iter_mut().map(|node| &mut node.engine) {
        engine.settings.repl_diskless_sync_delay = 1;
    }
    (1..4).for_each(|node| net.follow(node, 0));
    net.turns(50);
    assert_eq!(net.nodes[0].engine.replication.replicas.full_syncs.len(), 0);
    net.settle();
    assert_eq!(net.nodes[0].engine.replication.replicas.last_full_sync, 1);
    for node in 1..4 {
        net.assert_same(0, node);
    }
}

#[test]
fn a_damaged_snapshot_leaves_the_old_data() {
    let mut net = pair();
    net.say(1, "SET mine old");
    net.follow(1, 0);
    net.damage = Some((1, 5_000));
    net.turns(60);
    assert_eq!(net.say(1, "GET mine"), "$3 old");
    assert_eq!(net.data(1).len(), 1);
    net.damage = None;
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.say(1, "GET mine"), "$-1");
}

#[test]
fn a_replica_that_does_not_read_is_dropped_and_memory_given_back() {
    let limit = ("client-output-buffer-limit", "replica 300000 0 0");
    let mut net = Net::new(2, &[limit, ("repl-backlog-size", "100000")], 5);
    net.follow(1, 0);
    net.settle();
    net.piece_bytes_max = 0;
    for i in 0..600 {
        net.say(0, &format!("SET key:{i} {}", "x".repeat(1000)));
        net.turn();
    }
    let replication = &net.nodes[0].engine.replication;
    assert_eq!(net.nodes[0].engine.stats.counters.output_limit_disconnections, 1);
    assert!(replication.stream.memory_bytes() < 150_000, "{}", replication.stream.memory_bytes());
    net.piece_bytes_max = 100_000;
    net.settle();
    net.assert_same(0, 1);
}

#[test]
fn expired_keys_are_the_primarys_to_delete() {
    let mut net = Net::new(2, &[], 6);
    net.follow(1, 0);
    net.settle();
    net.say(0, "SET short lived PX 200");
    net.settle();
    net.unreachable.push(0);
    net.cut(1);
    net.turns(40);
    assert_eq!(net.say(1, "GET short"), "$-1", "a read treats it as missing");
    assert_eq!(net.data(1).len(), 1, "but it is still there");
    net.unreachable.clear();
    net.settle();
    assert_eq!(net.data(1).len(), 0);
    assert_eq!(net.data(0).len(), 0);
}

#[test]
fn a_silent_primary_and_a_silent_replica_are_given_up() {
    let mut net = Net::new(2, &[("repl-timeout", "5"), ("repl-ping-replica-period", "1")], 7);
    net.follow(1, 0);
    net.settle();
    net.turns(1000);
    assert_eq!(net.field(1, "master_link_status"), "up", "pings keep the link alive");
    net.piece_bytes_max = 0;
    net.turns(550);
    assert_eq!(net.field(1, "master_link_status"), "down");
    net.piece_bytes_max = 1000;
    net.settle();
}

#[test]
fn an_unread_backlog_is_freed_and_its_history_ends() {
    let mut net = Net::new(2, &[("repl-backlog-ttl", "10")], 8);
    net.follow(1, 0);
    net.settle();
    let id = net.field(0, "master_replid");
    net.unreachable.push(1);
    net.cut(1);
    net.turns(1200);
    assert_eq!(net.field(0, "repl_backlog_active"), "0");
    assert_ne!(net.field(0, "master_replid"), id, "what is written now is recorded by nobody");
    net.say(0, "SET a b");
    net.unreachable.clear();
    net.settle();
    net.assert_same(0, 1);
}
