//! How fast an RDB file is read: `cargo run --release --example rdb_speed -- FILE [crc|parse|load]...`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // an example has a clock and opens files

use std::io::Read as _;
use std::time::Instant;

use garrison_engine_core::base::alloc::used_memory;
use garrison_engine_core::formats::crc64::Crc64;
use garrison_engine_core::keyspace::{Db, KeyHasher, Ttl};
use garrison_engine_core::snapshot::{RdbItem, RdbOptions, RdbReader};

/// What is read from the file at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Nanoseconds that this process has spent on a processor.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

fn chunks(path: &str, mut take: impl FnMut(&[u8])) -> u64 {
    let mut file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (mut chunk, mut bytes) = (vec![0; CHUNK_BYTES], 0);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return bytes,
            Ok(len) => {
                take(&chunk[..len]);
                bytes += len as u64;
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }
}

/// Reads all entries.
fn entries(path: &str, checksum: bool, mut take: impl FnMut(RdbItem)) -> u64 {
    let mut reader = RdbReader::new(RdbOptions { checksum, ..RdbOptions::default() });
    chunks(path, |chunk| {
        reader.feed(chunk);
        while let Some(item) = reader.next_item().unwrap_or_else(|error| panic!("{error}")) {
            take(item);
        }
    })
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("name an RDB file");
    for mode in arguments {
        let (clock, cpu, used) = (Instant::now(), cpu_ns(), used_memory());
        let mut db = Db::new(0, false, KeyHasher::new(42));
        let bytes = match mode.as_str() {
            "crc" => {
                let mut crc = Crc64::new();
                chunks(&path, |chunk| crc.update(chunk))
            }
            "parse" => entries(&path, true, drop),
            "parse-unchecked" => entries(&path, false, drop),
            _ => entries(&path, true, |item| {
                if let RdbItem::Entry(entry) = item {
                    let key = db.key(&entry.key);
                    db.set_value(&key, entry.value, entry.expire_at_ms.map_or(Ttl::Clear, Ttl::At), 0);
                }
            }),
        };
        let (seconds, cpu) = (clock.elapsed().as_secs_f64(), (cpu_ns() - cpu) as f64 / 1e9);
        println!(
            "{mode:16} {bytes} bytes in {seconds:.2} s ({cpu:.2} s of CPU): {:.0} MB/s, {} keys, {} MB more",
            bytes as f64 / cpu / 1e6,
            db.len(),
            (used_memory().saturating_sub(used)) >> 20
        );
        std::mem::forget(db);
    }
}
