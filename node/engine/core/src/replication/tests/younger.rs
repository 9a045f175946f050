//! A primary that comes back without its data, and everything that looks like it and is none.

use super::net::Net;

/// A primary with 100 keys and a replica in sync.
fn pair(directives: &[(&str, &str)]) -> Net {
    let mut net = Net::new(3, directives, 1);
    net.follow(1, 0);
    net.settle();
    for i in 0..100 {
        net.say(0, &format!("SET key:{i} {i}"));
    }
    net.settle();
    net
}

fn keys(net: &mut Net, node: usize) -> String {
    net.say(node, "DBSIZE")
}

fn refused(net: &Net) -> bool {
    net.info(1).contains("master_sync_refused:younger-history,replid=")
}

#[test]
fn the_data_stays_and_the_link_stays_down() {
    let mut net = pair(&[]);
    net.restart(0, 2);
    net.say(0, "SET first write");
    net.turns(300);
    assert!(refused(&net), "{}", net.info(1));
    assert_eq!(keys(&mut net, 1), ":100");
    assert_eq!(net.field(1, "master_link_status"), "down");
    // It grows beyond ours in time; it is refused all the same.
    for i in 0..2000 {
        net.say(0, &format!("SET new:{} {i}", i % 300));
    }
    net.turns(3000);
    assert!(net.nodes[0].engine.replication.offset() > net.nodes[1].engine.replication.offset());
    assert_eq!(keys(&mut net, 1), ":100");
    let attempts = net.nodes[0].engine.stats.counters.sync_full;
    assert!((5..20).contains(&attempts), "{attempts} attempts in 33 s");
}

#[test]
fn data_that_was_there_before_the_replica_is_kept_too() {
    let mut net = Net::new(3, &[], 1);
    for i in 0..100 {
        net.say(0, &format!("SET key:{i} {i}"));
    }
    net.follow(1, 0);
    net.settle();
    net.restart(0, 2);
    net.turns(300);
    assert!(refused(&net), "{}", net.info(1));
    assert_eq!(keys(&mut net, 1), ":100");
}

#[test]
fn replicaof_again_takes_it() {
    let mut net = pair(&[]);
    net.restart(0, 2);
    net.turns(300);
    assert!(refused(&net));
    assert_eq!(net.say(1, "REPLICAOF 127.0.0.1 7000"), "+OK Already connected to specified master");
    net.settle();
    assert_eq!(keys(&mut net, 1), ":0");
    assert!(!refused(&net));
}

#[test]
fn the_setting_takes_it() {
    let mut net = pair(&[]);
    net.restart(0, 2);
    net.turns(300);
    net.nodes[1].engine.settings.replica_accept_younger_history = true;
    net.settle();
    assert_eq!(keys(&mut net, 1), ":0");
}

#[test]
fn the_replica_can_take_over_and_the_old_primary_takes_its_data() {
    let mut net = pair(&[]);
    net.restart(0, 2);
    net.turns(300);
    assert_eq!(net.say(1, "REPLICAOF NO ONE"), "+OK");
    net.follow(0, 1);
    net.follow(2, 1);
    net.settle();
    assert_eq!((keys(&mut net, 0), keys(&mut net, 2)), (":100".into(), ":100".into()));
}

#[test]
fn another_primary_is_taken_whatever_it_holds() {
    let mut net = pair(&[]);
    net.follow(1, 2);
    net.settle();
    assert_eq!(keys(&mut net, 1), ":0");
}

#[test]
fn a_flushed_primary_is_taken() {
    let mut net = pair(&[("repl-backlog-size", "20000")]);
    net.cut(1);
    net.unreachable.push(0);
    net.say(0, "FLUSHALL");
    for i in 0..200 {
        net.say(0, &format!("SET same {}", "x".repeat(1000 + i)));
    }
    net.unreachable.clear();
    net.settle();
    assert_eq!(keys(&mut net, 1), ":1");
    assert_eq!(net.nodes[0].engine.stats.counters.sync_full, 2);
}

#[test]
fn a_primary_that_comes_back_with_its_data_is_taken() {
    let mut net = pair(&[]);
    net.restart(0, 2);
    for i in 0..60 {
        net.say(0, &format!("SET key:{i} {i}"));
    }
    net.settle();
    assert_eq!(keys(&mut net, 1), ":60");
}

#[test]
fn an_empty_replica_and_a_cluster_have_nothing_to_guard() {
    let mut net = pair(&[]);
    net.say(0, "FLUSHALL");
    net.settle();
    net.restart(0, 2);
    net.settle();
    let mut net = pair(&[]);
    net.nodes[1].engine.settings.cluster_enabled = true;
    net.restart(0, 2);
    net.settle();
    assert_eq!(keys(&mut net, 1), ":0");
}
