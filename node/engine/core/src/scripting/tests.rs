//! Scripts, from the command to the reply.

use std::cell::Cell;

use crate::keyspace::key_slot;
use crate::testing::Bench;

fn eval(bench: &mut Bench, client: u32, code: &str) -> String {
    bench.call(client, &[b"EVAL", code.as_bytes(), b"1", b"k", b"a"])
}

#[test]
fn script_calls_commands() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert_eq!(eval(&mut bench, client, "return 1"), ":1");
    assert_eq!(eval(&mut bench, client, "return redis.call('set', KEYS[1], ARGV[1])"), "+OK");
    assert_eq!(eval(&mut bench, client, "return redis.call('get', 'k')"), "$1 a");
    assert_eq!(bench.say(client, "GET k"), "$1 a");
}

#[test]
fn keys_of_other_nodes_and_of_several_slots_are_refused() {
    let mut bench = Bench::in_cluster(&[], |table| table.owners[usize::from(key_slot(b"other"))] = 1);
    let client = bench.client();
    let not_local = "Script attempted to access a non local key in a cluster node";
    assert!(eval(&mut bench, client, "return redis.call('get', 'other')").contains(not_local));
    assert_eq!(eval(&mut bench, client, "return redis.call('get', 'k')"), "$-1");
    // Without a first line nothing is declared, so several slots of this node are allowed.
    let two = "redis.call('set', 'k', 1) return redis.call('get', 'b')";
    assert_eq!(eval(&mut bench, client, two), "$-1");
    let crossing = eval(&mut bench, client, &format!("#!lua\n{two}"));
    assert!(crossing.contains("do not hash to the same slot"), "{crossing}");
    let allowed = format!("#!lua flags=allow-cross-slot-keys\n{two}");
    assert_eq!(eval(&mut bench, client, &allowed), "$-1");
    let no_cluster = eval(&mut bench, client, "#!lua flags=no-cluster\nreturn 1");
    assert!(no_cluster.contains("Can not run script on cluster"), "{no_cluster}");
    let moved = bench.call(client, &[b"EVAL", b"return 1", b"1", b"other"]);
    assert!(moved.starts_with("-MOVED"), "{moved}");
}

#[test]
fn memory_at_its_limit_refuses_what_adds_data() {
    let mut bench = Bench::new(&[("maxmemory", "1")]);
    let client = bench.client();
    let set = "return redis.call('set', 'k', 1)";
    let mut replies = Vec::new();
    // All tests of this process are counted together, and what others have not freed yet does not count.
    for _ in 0..1_000_000 {
        replies = [
            set.to_owned(),
            "return redis.call('get', 'k')".to_owned(),
            format!("#!lua\n{set}"),
            format!("#!lua flags=allow-oom\n{set}"),
            "#!lua flags=no-writes\nreturn 1".to_owned(),
        ]
        .map(|code| eval(&mut bench, client, &code))
        .to_vec();
        if replies[0].starts_with("-OOM") && replies[2].starts_with("-OOM") {
            break;
        }
        bench.say(client, "DEL k");
        std::thread::yield_now();
    }
    assert!(replies[0].starts_with("-OOM command not allowed"), "{replies:?}");
    assert!(replies[2].starts_with("-OOM allow-oom flag is not set"), "{replies:?}");
    assert_eq!((&*replies[1], &*replies[3], &*replies[4]), ("$-1", "+OK", ":1"));
}

/// A clock that goes on by a millisecond whenever it is read.
fn ticks() -> u64 {
    TICKS.set(TICKS.get() + 1_000);
    TICKS.get()
}

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

#[test]
fn long_script_goes_on_in_later_turns_and_others_wait() {
    let mut bench = Bench::new(&[]);
    bench.engine.host.ticks = ticks;
    let (client, other) = (bench.client(), bench.client());
    let code = "redis.call('set', 'k', 1) for i = 1, 500000 do end return redis.call('incr', 'k')";
    assert_eq!(eval(&mut bench, client, code), "");
    assert!(bench.session(client).is_suspended());
    assert_eq!(bench.say(other, "GET k"), "");
    assert!(bench.engine.script_wants_turn());
    for _ in 0..100 {
        bench.engine.end_turn();
    }
    assert!(!bench.engine.script_wants_turn());
    assert_eq!(bench.heard(client), ":2");
    assert!(!bench.session(client).is_suspended());
    bench.engine.retry(other);
    assert_eq!(bench.heard(other), "$1 2");
}

#[test]
fn script_in_a_transaction_goes_on_and_so_does_the_queue() {
    let mut bench = Bench::new(&[]);
    bench.engine.host.ticks = ticks;
    let client = bench.client();
    bench.say(client, "MULTI");
    bench.say(client, "SET k 5");
    eval(&mut bench, client, "for i = 1, 500000 do end return redis.call('incr', 'k')");
    bench.say(client, "INCR k");
    assert_eq!(bench.say(client, "EXEC"), "*3 +OK");
    for _ in 0..100 {
        bench.engine.end_turn();
    }
    assert_eq!(bench.heard(client), ":6 :7");
    assert_eq!(bench.say(client, "GET k"), "$1 7");
}

#[test]
fn script_of_a_closed_client_ends() {
    let mut bench = Bench::new(&[]);
    bench.engine.host.ticks = ticks;
    let (client, other) = (bench.client(), bench.client());
    eval(&mut bench, client, "for i = 1, 500000 do end redis.call('set', 'k', 'done')");
    bench.engine.close_session(client);
    for _ in 0..100 {
        bench.engine.end_turn();
    }
    assert!(!bench.engine.script_wants_turn());
    assert_eq!(bench.say(other, "GET k"), "$4 done");
}
