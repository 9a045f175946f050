//! How fast and how small hashes and the formats are: `cargo run --release --example formats_speed`.

use garrison_engine_core::base::alloc::used_memory;
use garrison_engine_core::formats::crc64::crc64;
use garrison_engine_core::formats::lzf::Compressor;
use garrison_engine_core::snapshot::{RdbItem, RdbOptions, RdbReader, RdbWriter, RdbWriterOptions};
use garrison_engine_core::types::hash::{Hash, HashLimits};
use garrison_engine_core::types::ValueRef;
use std::hint::black_box;

/// Nanoseconds that this process has spent on a processor.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// The best of five.
fn timed(what: &str, times: usize, mut run: impl FnMut()) {
    let best = (0..5).map(|_| {
        let start = cpu_ns();
        run();
        cpu_ns() - start
    });
    println!("{what:40} {:8.1} ns each", best.min().unwrap_or(0) as f64 / times as f64);
}

fn name(prefix: char, number: usize) -> String {
    format!("{prefix}{number:015}")
}

fn main() {
    let limits = HashLimits { seed: 1, ..HashLimits::default() };
    for fields in [8_usize, 100, 1_000, 1_000_000] {
        let names: Vec<_> = (0..fields).map(|n| (name('f', n), name('v', n))).collect();
        let rounds = (1_000_000 / fields).max(1);
        let before = used_memory();
        let mut hash = Hash::new();
        names.iter().for_each(|(field, value)| {
            hash.set(field.as_bytes(), value.as_bytes(), &limits);
        });
        let each = (used_memory() - before) as f64 / fields as f64;
        println!("{fields} fields as {}: {each:.1} bytes each", hash.encoding());
        timed("  set (new)", fields * rounds, || {
            for _ in 0..rounds {
                let mut hash = Hash::new();
                for (field, value) in &names {
                    hash.set(field.as_bytes(), value.as_bytes(), &limits);
                }
                black_box(&hash);
            }
        });
        let order: Vec<usize> = (0..1_000_000).map(|n: usize| n.wrapping_mul(7_919_777) % fields).collect();
        timed("  get", order.len(), || {
            for at in &order {
                black_box(hash.get(names[*at].0.as_bytes()));
            }
        });
        timed("  set (same length)", order.len(), || {
            for at in &order {
                black_box(hash.set(names[*at].0.as_bytes(), b"v99999999999999w", &limits));
            }
        });
        timed("  remove and set", order.len(), || {
            for at in &order {
                let (field, value) = &names[*at];
                hash.remove(field.as_bytes());
                hash.set(field.as_bytes(), value.as_bytes(), &limits);
            }
        });
        timed("  iterate", fields * rounds, || {
            for _ in 0..rounds {
                black_box(hash.iter().count());
            }
        });
        let mut state = 0_u64;
        let mut random = move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            (state ^ state >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 3
        };
        timed("  random", 1_000_000, || {
            for _ in 0..1_000_000 {
                black_box(hash.random(&mut random));
            }
        });
        let (mut out, mut writer) = (Vec::new(), RdbWriter::new(RdbWriterOptions::default()));
        writer.header(&mut out, &[]);
        timed("  save", fields * rounds, || {
            out.clear();
            writer = RdbWriter::new(RdbWriterOptions::default());
            writer.header(&mut out, &[]);
            for _ in 0..rounds {
                writer.entry(&mut out, b"key", ValueRef::Hash(&hash), None, None);
            }
        });
        writer.end(&mut out);
        println!("  {} bytes saved", out.len());
        timed("  load", fields * rounds, || {
            let mut options = RdbOptions::default();
            options.limits.hash = limits;
            let mut reader = RdbReader::new(options);
            for chunk in out.chunks(16 << 10) {
                reader.feed(chunk);
                while let Some(item) = reader.next_item().expect("what we saved can be loaded") {
                    black_box(matches!(item, RdbItem::End));
                }
            }
        });
    }
    let (mut out, mut writer) = (Vec::new(), RdbWriter::new(RdbWriterOptions::default()));
    writer.header(&mut out, &[]);
    let names: Vec<_> = (0..1_000_000).map(|n| (name('k', n), name('v', n))).collect();
    timed("save strings of 16+16", names.len(), || {
        out.clear();
        writer = RdbWriter::new(RdbWriterOptions::default());
        writer.header(&mut out, &[]);
        for (key, value) in &names {
            writer.entry(&mut out, key.as_bytes(), ValueRef::Bytes(value.as_bytes()), None, None);
        }
    });
    writer.end(&mut out);
    timed("load strings of 16+16", names.len(), || {
        let mut reader = RdbReader::new(RdbOptions::default());
        for chunk in out.chunks(16 << 10) {
            reader.feed(chunk);
            while let Some(item) = reader.next_item().expect("what we saved can be loaded") {
                black_box(matches!(item, RdbItem::End));
            }
        }
    });
    let megabytes = vec![7_u8; 100 << 20];
    timed("crc64 of a kilobyte", 100 << 10, || {
        black_box(crc64(&megabytes));
    });
    let text = "{\"id\": 17, \"name\": \"somebody\", \"tags\": [\"a\", \"b\"], \"id\": 18}".repeat(3);
    let mut compressor = Compressor::new();
    timed("compress 180 bytes of JSON", 100_000, || {
        for _ in 0..100_000 {
            black_box(compressor.compress(text.as_bytes(), 4));
        }
    });
}
