//! Full syncs on two connections.

use super::net::Net;
use crate::replication::state::snapshot_link::Channel;

/// A primary with enough data that its snapshot takes many turns, and a replica that gets little of it a turn.
fn slow_sync(directives: &[(&str, &str)]) -> Net {
    let mut net = Net::new(2, directives, 5);
    for i in 0..2000 {
        // Nothing that compresses: the snapshot is to take its time.
        let value: Vec<String> = (0..3).map(|_| format!("{:x}", net.prng.next_u64())).collect();
        net.say(0, &format!("SET key:{i} {}", value.join("-")));
    }
    net.piece_bytes_max = 300_000;
    net.snapshot_piece_bytes_max = Some(400);
    net.follow(1, 0);
    net.turns(20);
    net
}

fn write(net: &mut Net, from: usize, count: usize) {
    for i in from..from + count {
        net.say(0, &format!("SET busy:{} {}", i % 50, "w".repeat(2000)));
        net.say(0, "INCR counter");
    }
}

#[test]
fn the_stream_of_a_long_sync_waits_at_the_replica() {
    let mut net = slow_sync(&[("repl-backlog-size", "20000")]);
    for turn in 0..100 {
        write(&mut net, turn, 10);
        net.turn();
    }
    let held = net.nodes[1].engine.held_stream_bytes();
    assert!(held > 500_000, "{held} bytes wait at the replica");
    let kept = net.nodes[0].engine.replication.stream.memory_bytes();
    assert!(kept < 400_000, "{kept} bytes wait at the primary");
    assert_eq!(net.field(1, "master_sync_in_progress"), "1");
    assert!(net.field(0, "slave0").contains("state=send_bulk"), "{}", net.info(0));
    net.snapshot_piece_bytes_max = None;
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1);
    assert_eq!(net.field(0, "connected_slaves"), "1");
    assert_eq!(net.nodes[0].engine.replication.replicas.list.len(), 1, "the second connection is closed");
}

#[test]
fn a_stream_above_the_output_limit_does_not_end_a_sync() {
    let limits = [
        ("client-output-buffer-limit", "replica 100000 0 0"),
        ("repl-backlog-size", "20000"),
        ("dual-channel-replication-enabled", "no"),
    ];
    for (directives, is_cut) in [(&limits[..], true), (&limits[..2], false)] {
        let mut net = slow_sync(directives);
        if is_cut {
            net.piece_bytes_max = 400;
        }
        for turn in 0..100 {
            write(&mut net, turn, 2);
            net.turn();
        }
        let cut = net.nodes[0].engine.stats.counters.output_limit_disconnections;
        assert_eq!(cut > 0, is_cut, "{cut} were cut with {directives:?}");
        (net.piece_bytes_max, net.snapshot_piece_bytes_max) = (300_000, None);
        net.settle();
        net.assert_same(0, 1);
    }
}

#[test]
fn a_replica_holds_no_more_than_its_limit() {
    let mut net = slow_sync(&[("replica-full-sync-buffer-limit", "50000"), ("repl-backlog-size", "20000")]);
    for turn in 0..100 {
        write(&mut net, turn, 10);
        net.turn();
        let held = net.nodes[1].engine.held_stream_bytes();
        assert!(held < 50_000 + 20_000, "{held} bytes are held");
    }
    net.snapshot_piece_bytes_max = None;
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1);
}

#[test]
fn writes_do_not_count_on_a_replica_that_still_loads() {
    let mut net = slow_sync(&[]);
    net.nodes[0].engine.settings.min_replicas_to_write = 1;
    assert!(net.say(0, "SET a b").starts_with("-NOREPLICAS"));
    assert_eq!(net.nodes[0].engine.status().replicas, 0);
    net.snapshot_piece_bytes_max = None;
    net.settle();
    net.turns(3);
    assert_eq!(net.say(0, "SET a b"), "+OK");
}

#[test]
fn the_end_of_either_connection_ends_the_sync_and_another_follows() {
    for channel in [Channel::Stream, Channel::Snapshot] {
        let mut net = slow_sync(&[]);
        net.cut_one(1, channel);
        net.turns(3);
        assert_eq!(net.field(1, "master_link_status"), "down");
        let replicas = &net.nodes[0].engine.replication.replicas;
        assert!(replicas.list.is_empty() || channel == Channel::Snapshot, "{:?}", replicas.list);
        net.snapshot_piece_bytes_max = None;
        net.settle();
        net.assert_same(0, 1);
        assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 2);
        assert_eq!(net.nodes[0].engine.replication.replicas.list.len(), 1);
    }
}

#[test]
fn what_was_held_is_applied_when_the_primary_is_gone() {
    let mut net = slow_sync(&[]);
    for turn in 0..50 {
        write(&mut net, turn, 20);
        net.turn();
    }
    net.snapshot_piece_bytes_max = None;
    while net.field(1, "master_link_status") == "down" {
        net.turn();
    }
    assert!(net.nodes[1].engine.held_stream_bytes() > 300_000, "more than a turn applies");
    net.cut(1);
    net.unreachable.push(0);
    net.turns(30);
    assert_eq!(net.field(1, "master_link_status"), "down");
    assert_eq!(net.say(1, "GET counter"), "$4 1000");
    net.unreachable.clear();
    net.settle();
    net.assert_same(0, 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1, "it goes on where it stands");
}

#[test]
fn several_replicas_share_a_snapshot() {
    let mut net = Net::new(3, &[], 6);
    (0..500).for_each(|i| drop(net.say(0, &format!("SET key:{i} value"))));
    net.follow(1, 0);
    net.follow(2, 0);
    for turn in 0..100 {
        write(&mut net, turn, 1);
        net.turn();
    }
    net.settle();
    net.assert_same(0, 1);
    net.assert_same(0, 2);
    assert_eq!(net.field(0, "connected_slaves"), "2");
}

#[test]
fn stream_without_its_snapshot_does_not_count_as_a_replica() {
    let mut net = slow_sync(&[]);
    let client = net.nodes[0].client;
    let (id, offset) = (net.field(0, "master_replid"), net.field(0, "master_repl_offset"));
    net.say_as(0, client, &[b"REPLCONF", b"capa", b"dual-channel", b"set-rdb-client-id", b"999999"]);
    let next = (offset.parse::<u64>().expect("a number") + 1).to_string();
    let answer = net.say_as(0, client, &[b"PSYNC", id.as_bytes(), next.as_bytes()]);
    assert_eq!(answer, "+DUALCHANNELSYNC", "nobody knows that connection, so its data never comes");
    assert_eq!(net.nodes[0].engine.status().replicas, 0);
}
