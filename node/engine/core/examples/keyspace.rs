//! Measures the keyspace alone: bytes per key and nanoseconds per operation.
//!
//! ```text
//! cargo run --release -p garrison-engine-core --example keyspace -- [keys] [cluster]
//! ```

use garrison_engine_core::base::alloc::used_memory;
use garrison_engine_core::base::prng::Prng;
use garrison_engine_core::keyspace::{Db, KeyHasher, Ttl};

/// Keys whose loading is started before the first of them is used, as with a batch of requests.
const BATCH: usize = 16;

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// Nanoseconds that this thread has run; the machine's other work does not count.
fn cpu_ns() -> u64 {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    statistics.split(' ').next().and_then(|run| run.parse().ok()).unwrap_or(0)
}

fn measure(what: &str, operations: u64, mut run: impl FnMut()) {
    let start = cpu_ns();
    run();
    let nanoseconds = (cpu_ns() - start) as f64 / operations as f64;
    println!("{what:<44} {nanoseconds:8.1} ns");
}

/// A key of 16 bytes.
fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let keys: u64 = arguments.next().and_then(|keys| keys.parse().ok()).unwrap_or(1_000_000);
    let is_cluster = arguments.next().is_some_and(|mode| mode == "cluster");
    let mut db = Db::new(0, is_cluster, KeyHasher::new(42));
    let (used, rss) = (used_memory(), resident());
    measure("insert 16 + 16 bytes", keys, || {
        for number in 0..keys {
            let key = key(number);
            db.set_string(&db.key(&key), b"value-of-16bytes", Ttl::Clear, 0);
        }
    });
    let per_key = |bytes: usize| bytes as f64 / keys as f64;
    println!("{:<44} {:8.1} bytes per key", "used memory", per_key(used_memory() - used));
    println!("{:<44} {:8.1} bytes per key", "resident memory", per_key(resident() - rss));
    println!("{:<44} {:8.1} bytes per key", "of it, the tables", per_key(db.overhead_bytes()));

    let mut prng = Prng::new(1);
    let mut found = 0_u64;
    measure("get, random", keys, || {
        for _ in 0..keys {
            let key = key(prng.below(keys));
            found += u64::from(db.get(&db.key(&key)).is_some());
        }
    });
    measure("get, random, absent", keys, || {
        for _ in 0..keys {
            let key = key(prng.below(keys) + keys);
            found += u64::from(db.get(&db.key(&key)).is_some());
        }
    });
    measure("get, random, prefetched in batches of 16", keys, || {
        for _ in 0..keys / BATCH as u64 {
            let batch: [[u8; 16]; BATCH] = std::array::from_fn(|_| key(prng.below(keys)));
            let refs = batch.each_ref().map(|key| db.key(key));
            refs.iter().for_each(|key| db.prefetch_bucket(key));
            refs.iter().for_each(|key| db.prefetch_entry(key));
            found += refs.iter().filter(|key| db.get(key).is_some()).count() as u64;
        }
    });
    measure("overwrite, random", keys, || {
        for _ in 0..keys {
            let key = key(prng.below(keys));
            db.set_string(&db.key(&key), b"other-of-16bytes", Ttl::Clear, 0);
        }
    });
    measure("scan", keys, || {
        let mut cursor = 0;
        loop {
            cursor = db.scan(cursor, 100, |_| found += 1);
            if cursor == 0 {
                break;
            }
        }
    });
    measure("set an expiry", keys, || {
        for number in 0..keys {
            let key = key(number);
            db.set_expiry(&db.key(&key), Some(1_700_000_000_000 + (number % 3_600_000) as i64));
        }
    });
    println!("{:<44} {:8.1} bytes per key", "used memory with expiries", per_key(used_memory() - used));
    measure("delete", keys, || {
        for number in 0..keys {
            let key = key(number);
            db.delete(&db.key(&key));
        }
    });
    println!("{:<44} {:8.1} bytes per key", "used memory when empty", per_key(used_memory() - used));
    assert!(found > 0);
}
