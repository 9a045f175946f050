//! Eviction compared with a model that knows every key, and its rules one by one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::testing::Bench;

const REFUSED: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

fn keys(bench: &Bench) -> Vec<String> {
    let mut keys = Vec::new();
    bench.engine.keyspace.dbs[0].for_each(|entry| {
        keys.push(String::from_utf8_lossy(entry.key()).into_owned());
        std::ops::ControlFlow::Continue(())
    });
    keys.sort();
    keys
}

/// What the model knows of a key.
#[derive(Clone, Copy, Debug)]
struct Known {
    used_s: i64,
    uses: u64,
    expire_at_ms: Option<i64>,
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8),
    SetWithExpiry(u8, u16),
    Get(u8),
    Persist(u8),
    Advance(u16),
    Evict,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..14_u8;
    let step = prop_oneof![
        3 => key.clone().prop_map(Step::Set),
        3 => (key.clone(), any::<u16>()).prop_map(|(key, ttl)| Step::SetWithExpiry(key, ttl)),
        4 => key.clone().prop_map(Step::Get),
        1 => key.prop_map(Step::Persist),
        3 => (0..4000_u16).prop_map(Step::Advance),
        3 => Just(Step::Evict),
    ];
    prop::collection::vec(step, 1..120)
}

/// Higher is better to evict, by the model's own knowledge.
fn worth(policy: &str, known: &Known, now_s: i64) -> Option<u64> {
    if policy.starts_with("volatile") && known.expire_at_ms.is_none() {
        return None;
    }
    Some(match policy {
        "volatile-ttl" => u64::MAX / 2 - known.expire_at_ms.unwrap_or(0) as u64 / 64,
        policy if policy.ends_with("lfu") => 255 - known.uses.min(255),
        policy if policy.ends_with("lru") => (now_s - known.used_s) as u64,
        _ => 0,
    })
}

const POLICIES: [&str; 7] = [
    "allkeys-lru",
    "volatile-lru",
    "allkeys-lfu",
    "volatile-lfu",
    "allkeys-random",
    "volatile-random",
    "volatile-ttl",
];

proptest! {
    /// With few enough keys that a sample sees all, what is evicted is what the model would evict.
    #[test]
    fn the_evicted_key_is_the_models(policy in 0..POLICIES.len(), steps in steps()) {
        let policy = POLICIES[policy];
        // Every use counts under LFU, and nothing decays.
        let mut bench = Bench::new(&[
            ("maxmemory-policy", policy),
            ("maxmemory-samples", "64"),
            ("lfu-log-factor", "0"),
            ("lfu-decay-time", "0"),
        ]);
        let client = bench.client();
        let mut model: BTreeMap<String, Known> = BTreeMap::new();
        for step in steps {
            let now_ms = bench.engine.clock.unix_ms;
            match step {
                Step::Set(key) | Step::SetWithExpiry(key, _) => {
                    let name = format!("key:{key}");
                    let uses = match model.get(&name) {
                        Some(known) => known.uses + 1,
                        None => 5,
                    };
                    let mut line = format!("SET {name} v");
                    let mut expire_at_ms = None;
                    if let Step::SetWithExpiry(_, ttl) = step {
                        let at_ms = now_ms + 10_000_000 + 64 * i64::from(ttl);
                        line += &format!(" PXAT {at_ms}");
                        expire_at_ms = Some(at_ms);
                    }
                    prop_assert_eq!(bench.say(client, &line), "+OK");
                    model.insert(name, Known { used_s: now_ms / 1000, uses, expire_at_ms });
                }
                Step::Get(key) => {
                    let name = format!("key:{key}");
                    bench.say(client, &format!("GET {name}"));
                    if let Some(known) = model.get_mut(&name) {
                        known.used_s = now_ms / 1000;
                        known.uses += 1;
                    }
                }
                Step::Persist(key) => {
                    let name = format!("key:{key}");
                    bench.say(client, &format!("PERSIST {name}"));
                    if let Some(known) = model.get_mut(&name) {
                        known.used_s = now_ms / 1000;
                        known.uses += 1;
                        known.expire_at_ms = None;
                    }
                }
                Step::Advance(ms) => bench.advance(i64::from(ms)),
                Step::Evict => {
                    let before = keys(&bench);
                    let evicted = bench.engine.evict_one();
                    let after = keys(&bench);
                    let now_s = now_ms / 1000;
                    let best = model.values().filter_map(|known| worth(policy, known, now_s)).max();
                    prop_assert_eq!(evicted, best.is_some());
                    let gone: Vec<&String> = before.iter().filter(|key| !after.contains(key)).collect();
                    prop_assert_eq!(gone.len(), usize::from(evicted));
                    if let Some(key) = gone.first() {
                        let known = model.remove(*key).expect("the model knows every key");
                        prop_assert_eq!(worth(policy, &known, now_s), best, "{} of {:?}", key, model);
                    }
                }
            }
            prop_assert_eq!(keys(&bench), model.keys().cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_key_used_since_it_was_sampled_stays() {
    let mut bench = Bench::new(&[("maxmemory-policy", "allkeys-lru"), ("maxmemory-samples", "64")]);
    let client = bench.client();
    for number in 0..10 {
        bench.say(client, &format!("SET key:{number} v"));
        bench.advance(1_000);
    }
    assert!(bench.engine.evict_one());
    bench.say(client, "GET key:1");
    assert!(bench.engine.evict_one());
    let left = keys(&bench);
    assert!(left.contains(&"key:1".to_owned()) && !left.contains(&"key:2".to_owned()), "{left:?}");
}

#[test]
fn keys_are_evicted_until_there_are_none_and_then_data_is_refused() {
    let mut bench = Bench::new(&[("maxmemory-policy", "volatile-lru")]);
    let client = bench.client();
    bench.say(client, "SET kept v");
    bench.say(client, "SET gone v EX 100");
    bench.engine.settings.maxmemory = 1;
    assert_eq!(bench.say(client, "SET new v"), REFUSED);
    assert_eq!(keys(&bench), ["kept"]);
    assert_eq!(bench.engine.stats.counters.evicted_keys, 1);
    bench.engine.settings.maxmemory_policy = EvictionPolicy::AllKeysRandom;
    bench.engine.end_turn();
    assert!(keys(&bench).is_empty());
    assert!(!bench.engine.has_more_to_evict());
}

#[test]
fn the_databases_share_the_limit() {
    let mut bench = Bench::new(&[("maxmemory-policy", "allkeys-lfu")]);
    let client = bench.client();
    for db in 0..3 {
        bench.say(client, &format!("SELECT {db}"));
        (0..20).for_each(|number| drop(bench.say(client, &format!("SET key:{number} v"))));
    }
    for _ in 0..60 {
        assert!(bench.engine.evict_one());
    }
    assert!(!bench.engine.evict_one());
}

#[test]
fn nothing_is_evicted_while_writes_are_paused() {
    let mut bench = Bench::new(&[("maxmemory-policy", "allkeys-lru")]);
    let client = bench.client();
    bench.say(client, "SET k v");
    bench.say(client, "CLIENT PAUSE 1000 WRITE");
    bench.engine.settings.maxmemory = 1;
    bench.engine.evict_some();
    assert_eq!(keys(&bench), ["k"]);
    bench.advance(2_000);
    bench.engine.end_turn();
    bench.engine.end_turn();
    assert!(keys(&bench).is_empty());
}

#[test]
fn an_eviction_is_announced_and_spoils_transactions() {
    let mut bench = Bench::new(&[("maxmemory-policy", "allkeys-lru"), ("notify-keyspace-events", "Ee")]);
    let (client, listener) = (bench.client(), bench.client());
    bench.say(listener, "SUBSCRIBE __keyevent@0__:evicted");
    bench.say(client, "SET k v");
    bench.say(client, "WATCH k");
    assert!(bench.engine.evict_one());
    assert!(bench.heard(listener).ends_with("evicted $1 k"));
    bench.say(client, "MULTI");
    bench.say(client, "PING");
    assert_eq!(bench.say(client, "EXEC"), "*-1");
}

#[test]
fn buffers_of_clients_count_up_to_their_budget() {
    let mut bench = Bench::new(&[("maxmemory", "100000000")]);
    bench.engine.stats.counters.clients_bytes = 6_000_000;
    assert_eq!(bench.engine.uncounted_memory(500_000) - bench.engine.uncounted_memory(0), 500_000);
    assert!(bench.engine.uncounted_memory(0) >= 1_000_000);
    bench.engine.settings.maxmemory_clients = crate::settings::MemoryShare::Percent(10);
    bench.engine.stats.counters.clients_bytes = 9_000_000;
    assert_eq!(bench.engine.uncounted_memory(500_000), bench.engine.uncounted_memory(0));
}

#[test]
fn tenacity_is_time() {
    assert_eq!(time_limit_us(0), 0);
    assert_eq!(time_limit_us(10), 500);
    assert!((2_000..2_050).contains(&time_limit_us(20)));
    assert_eq!(time_limit_us(100), u64::MAX);
}
