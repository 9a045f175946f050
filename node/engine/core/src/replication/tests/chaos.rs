//! Random runs: any commands, cuts, promotions and dropped pieces; in the end all data is the same.

use proptest::prelude::*;

use super::net::Net;
use crate::replication::state::snapshot_link::Channel;

/// A write that depends on what is there, so that a lost or doubled one shows.
fn random_write(net: &mut Net) -> String {
    let key = net.prng.below(60);
    let number = net.prng.below(1000);
    match net.prng.below(200) {
        0 => return "FLUSHDB".to_owned(),
        1 | 2 => return format!("SWAPDB {} {}", key % 3, key % 2),
        _ => {}
    }
    match net.prng.below(12) {
        0 => format!("SET k:{key} {number}"),
        1 => format!("APPEND k:{key} {number}"),
        2 => format!("INCR n:{key}"),
        3 => format!("HSET h:{} f:{number} {number}", key % 5),
        4 => format!("HINCRBY h:{} count {number}", key % 5),
        5 => format!("HDEL h:{} f:{number}", key % 5),
        6 => format!("DEL k:{key} n:{}", key / 2),
        7 => format!("SET e:{key} {number} PX {}", number * 3 + 1),
        8 => format!("SELECT {}", key % 3),
        9 => format!("SET big:{} {}", key % 3, "b".repeat(number as usize * 40)),
        10 => format!("PERSIST e:{key}"),
        _ => format!("RENAME k:{key} k:{}", key / 2),
    }
}

fn run(seed: u64) {
    let directives = [
        ("repl-backlog-size", "200000"),
        ("dual-channel-replication-enabled", ["yes", "no"][(seed % 2) as usize]),
        ("replica-full-sync-buffer-limit", ["0", "1000"][(seed / 2 % 2) as usize]),
    ];
    let mut net = Net::new(4, &directives, seed);
    for _ in 0..500 {
        let write = random_write(&mut net);
        net.say(0, &write);
    }
    let mut primary = 0;
    (1..3).for_each(|node| net.follow(node, 0));
    net.follow(3, 1);
    for _ in 0..600 {
        net.piece_bytes_max = [0, 50, 3000, 60_000][net.prng.below(4) as usize];
        for _ in 0..net.prng.below(6) {
            let write = random_write(&mut net);
            net.say(primary, &write);
        }
        match net.prng.below(60) {
            0..=2 => {
                let node = net.prng.below(4) as usize;
                match net.prng.below(3) {
                    0 => net.cut(node),
                    1 => net.cut_one(node, Channel::Stream),
                    _ => net.cut_one(node, Channel::Snapshot),
                }
            }
            3 => {
                let node = net.prng.below(4) as usize;
                let link_is_up = net.nodes[node].engine.replication.is_link_up();
                if node != primary && link_is_up {
                    // A failover: whoever it is, the others follow it, the old primary too.
                    net.say(node, "REPLICAOF NO ONE");
                    primary = node;
                    (0..4).filter(|other| *other != node).for_each(|other| net.follow_if_not(other, node));
                }
            }
            4 => {
                let (node, of) = (net.prng.below(4) as usize, net.prng.below(4) as usize);
                if node != primary && of != node && !net.is_upstream(of, node) {
                    net.follow_if_not(node, of);
                }
            }
            _ => {}
        }
        net.turn();
    }
    for i in 0..50 {
        net.say(primary, &format!("SET last:{i} {i}"));
    }
    net.piece_bytes_max = 50_000;
    net.settle();
    let data = net.data(primary);
    assert!(data.len() >= 50, "the run did something: {} keys", data.len());
    (0..4).for_each(|node| net.assert_same(node, primary));
}

proptest! {
    // A tenth of the usual number, or of what PROPTEST_CASES asks for.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 10, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_data_ends_up_the_same(seed in 0..1_000_000_u64) {
        run(seed);
    }
}
