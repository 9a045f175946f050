//! What INFO says of replicas that are behind, how far the backlog reaches, and a stream that is another one.

use super::net::Net;

fn followed(directives: &[(&str, &str)]) -> Net {
    let mut net = Net::new(2, directives, 9);
    net.say(0, "SET before all");
    net.follow(1, 0);
    net.settle();
    net.turns(120);
    net
}

fn write(net: &mut Net, count: usize) {
    for i in 0..count {
        net.say(0, &format!("SET key:{} {}", i % 30, "x".repeat(100)));
        if i % 20 == 0 {
            net.turn();
        }
    }
}

#[test]
fn stream_that_differs_is_noticed_and_replaced() {
    let mut net = followed(&[("repl-digest-bytes", "4096")]);
    write(&mut net, 100);
    net.settle();
    net.turns(300);
    assert_eq!(net.field(0, "slave0").matches("state=online").count(), 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_diverged, 0);
    // A defect: the replica's stream goes on with other bytes of the same number.
    net.nodes[1].engine.replication.stream.append(b"*1\r\n$4\r\nPING\r\n");
    net.nodes[0].engine.replication.stream.append(b"*1\r\n$4\r\nQUIT\r\n");
    net.nodes[0].engine.replication.replicas.list[0].cursor += 14;
    net.nodes[1].engine.keyspace.dbs[0].clear();
    write(&mut net, 300);
    net.turns(300);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_diverged, 1);
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 2);
    net.settle();
    net.assert_same(0, 1);
}

#[test]
fn lag_is_told_in_bytes_and_time() {
    let mut net = followed(&[]);
    assert!(net.field(0, "slave0").ends_with("lag_bytes=0,lag_ms=0"), "{}", net.info(0));
    net.piece_bytes_max = 0;
    write(&mut net, 10);
    net.turns(50);
    let line = net.field(0, "slave0");
    let number = |name: &str| -> u64 {
        let text = line.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line}"))
    };
    assert!((1000..2000).contains(&number("lag_bytes")), "{line}");
    assert!((400..700).contains(&number("lag_ms")), "{line}");
}

#[test]
fn backlog_reaches_as_far_back_as_its_seconds_say() {
    for (seconds, is_partial) in [("0", false), ("60", true)] {
        let directives = [("repl-backlog-size", "16384"), ("repl-backlog-seconds", seconds)];
        let mut net = followed(&directives);
        net.unreachable.push(0);
        net.cut(1);
        write(&mut net, 2000);
        assert_eq!(net.nodes[0].engine.replication.stream.memory_bytes() > 200_000, is_partial);
        net.unreachable.clear();
        net.settle();
        net.assert_same(0, 1);
        let full_syncs = net.nodes[0].engine.stats.counters.sync_full;
        assert_eq!(full_syncs, if is_partial { 1 } else { 2 });
    }
}

#[test]
fn backlog_by_time_has_a_limit() {
    let directives = [
        ("repl-backlog-size", "16384"),
        ("repl-backlog-seconds", "3600"),
        ("repl-backlog-size-max", "100000"),
    ];
    let mut net = followed(&directives);
    write(&mut net, 3000);
    net.turns(30);
    let kept = net.nodes[0].engine.replication.stream.memory_bytes();
    assert!((90_000..150_000).contains(&kept), "{kept}");
}

#[test]
fn sync_near_its_output_limit_takes_more_of_the_turn() {
    let turns_of = |limit: &str| {
        let mut net = Net::new(
            2,
            &[
                ("client-output-buffer-limit", limit),
                ("dual-channel-replication-enabled", "no"),
                ("repl-backlog-size", "10000"),
            ],
            3,
        );
        for i in 0..20_000 {
            let value = net.prng.next_u64();
            net.say(0, &format!("SET key:{i} {value:x}{value:x}"));
        }
        net.piece_bytes_max = 10_000_000;
        net.follow(1, 0);
        net.turns(3);
        let mut turns = 0;
        while net.field(1, "master_link_status") == "down" {
            write(&mut net, 10);
            net.turn();
            turns += 1;
        }
        assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 1);
        turns
    };
    let (calm, hurried) = (turns_of("replica 0 0 0"), turns_of("replica 100000 0 0"));
    assert!(hurried < calm, "{hurried} turns against {calm}");
}
