//! Bloom filters: their promises, the documented form of their chunks, and hostile bytes.

use std::collections::HashSet;

use super::codec::chunks::{self, Misfit};
use super::value::filter::Filter;
use super::value::FILTERS_MAX;
use super::{Bloom, Parameters, Refusal, Scaling};
use crate::snapshot::payload::{dump, restore};
use crate::snapshot::RdbOptions;
use crate::testing::Bench;
use crate::types::{Collection, Object, Value};
use proptest::prelude::*;

fn bloom(error_rate: f64, capacity: u64, scaling: Scaling) -> Bloom {
    Bloom::new(Parameters { error_rate, capacity, scaling }).unwrap()
}

fn number(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

/// The most wrong answers in a sample of this size that may be chance.
fn sampled(rate: f64, asked: u64) -> f64 {
    rate + 3.0 * (rate / asked as f64).sqrt()
}

/// The share of elements never added that are answered with yes.
fn wrong_answers(bloom: &Bloom, added: u64, asked: u64) -> f64 {
    let wrong = (added..added + asked).filter(|element| bloom.contains(&number(*element))).count();
    wrong as f64 / asked as f64
}

fn payload(bloom: &Bloom) -> Vec<u8> {
    let mut out = Vec::new();
    dump(&mut out, Object::Bloom(Box::new(bloom.clone())).as_value(), &mut None);
    out
}

fn restored(payload: &[u8]) -> Option<Bloom> {
    match restore(payload, &RdbOptions::default()) {
        Ok(Value::Object(Object::Bloom(bloom))) => Some(*bloom),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_added_is_always_found(
        elements in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..300),
        capacity in 1_u64..50, factor in 0_u32..4, rate in prop_oneof![Just(0.5), Just(0.01), Just(1e-9)]
    ) {
        let scaling = if factor == 0 { Scaling::Never } else { Scaling::By(factor) };
        let mut bloom = bloom(rate, capacity, scaling);
        let mut model = HashSet::new();
        let mut items = 0;
        for element in elements {
            let result = bloom.add(&element);
            if scaling == Scaling::Never && result == Err(Refusal::Full) {
                prop_assert_eq!(bloom.items(), capacity);
                continue;
            }
            // It may be taken for one that is there, but one that is there is never taken for a new one.
            prop_assert!(!(result == Ok(true) && model.contains(&element)));
            items += u64::from(result == Ok(true));
            model.insert(element);
        }
        prop_assert_eq!(bloom.items(), items);
        prop_assert!(model.iter().all(|element| bloom.contains(element)));
        let copy = restored(&payload(&bloom)).unwrap();
        prop_assert!(copy == bloom);
        let mut loaded = None;
        bloom.rebuild(b"k", &mut |command| {
            let iterator = std::str::from_utf8(command[2]).unwrap().parse().unwrap();
            match &mut loaded {
                None => loaded = chunks::from_header(command[3]),
                Some(loaded) => chunks::load(loaded, iterator, command[3]).unwrap(),
            }
        });
        prop_assert!(loaded == Some(bloom));
    }

    #[test]
    fn damaged_payloads_are_read_without_harm(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()
    ) {
        let mut bloom = bloom(0.1, 3, Scaling::By(2));
        (0..20).for_each(|element| { bloom.add(&number(element)).unwrap(); });
        let mut bytes = payload(&bloom);
        bytes.truncate(bytes.len() - 8);
        let at = at.index(bytes.len() - 2);
        bytes[at] = byte;
        let cut = cut.index(bytes.len() - 2);
        let mut shorter = bytes[..cut].to_vec();
        shorter.extend_from_slice(&[10, 0]);
        for mut bytes in [bytes, shorter] {
            let sum = crate::formats::crc64::crc64(&bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
            if let Some(mut read) = restored(&bytes) {
                prop_assert!(read.memory_bytes() < 1 << 20);
                read.contains(b"x");
                let _ = read.add(b"x");
            }
        }
    }

    #[test]
    fn any_header_is_read_without_harm(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), random in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let mut header = chunks::header(&bloom(0.1, 3, Scaling::By(2)));
        let at = at.index(header.len());
        header[at] = byte;
        for header in [header, random] {
            if let Some(mut bloom) = chunks::from_header(&header) {
                bloom.contains(b"x");
                let _ = bloom.add(b"x");
            }
        }
    }
}

#[test]
fn chunks_of_the_documentation_are_understood() {
    let header = b"\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\
        \x08\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\
        \x9a\x99\x99\x99\x99\x99\xa9?J\xf7\xd4\x9e\xde\xf0\x18@\x05\x00\x00\x00\
        \x0a\x00\x00\x00\x00\x00\x00\x00\x00";
    let bits = b"\x01\x08\x00\x80\x00\x04 \x00";
    let mut loaded = chunks::from_header(header).unwrap();
    assert!(!loaded.contains(b"item1"));
    chunks::load(&mut loaded, 9, bits).unwrap();
    assert!(loaded.contains(b"item1"));
    assert_eq!(loaded.filters[0].bytes, bits);
    assert_eq!(chunks::dump(&loaded, 0), (1, header.as_slice().into()));
    assert_eq!(chunks::dump(&loaded, 1), (9, bits.as_slice().into()));
    assert_eq!(chunks::dump(&loaded, 9), (0, (&[][..]).into()));
    // The example's element sets the same bits when it is added here.
    loaded.filters[0].bytes.fill(0);
    assert_eq!(loaded.add(b"item1"), Ok(true));
    assert_eq!(loaded.filters[0].bytes, bits);
    // A filter of our own has the same numbers, but a few bits more.
    let (ours, theirs) = (&bloom(0.1, 10, Scaling::By(2)).filters[0], &loaded.filters[0]);
    assert_eq!(
        (ours.error_rate, ours.bits_per_item, ours.hashes, ours.capacity),
        (theirs.error_rate, theirs.bits_per_item, theirs.hashes, theirs.capacity)
    );
}

#[test]
fn chunks_that_fit_nowhere_are_refused() {
    let mut bloom = bloom(0.1, 10, Scaling::By(2));
    for (iterator, chunk, misfit) in [
        (10, &b"12345678"[..], Misfit::TooLong),
        (9, b"123456789", Misfit::NoPlace),
        (u64::MAX, b"1", Misfit::NoPlace),
        (2, b"12345678", Misfit::NoPlace),
    ] {
        assert_eq!(chunks::load(&mut bloom, iterator, chunk), Err(misfit), "{iterator}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let sound = bloom(0.1, 10, Scaling::By(2));
    let damages: [fn(&mut Filter); 7] = [
        |filter| filter.bits = 0,
        |filter| filter.bits = u64::MAX,
        |filter| filter.hashes = 0,
        |filter| filter.hashes = u32::MAX,
        |filter| filter.error_rate = f64::NAN,
        |filter| filter.bits_per_item = f64::INFINITY,
        |filter| filter.capacity = 0,
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        let mut bloom = sound.clone();
        damage(&mut bloom.filters[0]);
        assert!(restored(&payload(&bloom)).is_none(), "{index}");
        assert!(chunks::from_header(&chunks::header(&bloom)).is_none(), "{index}");
    }
    // A header that asks for more memory than there may be, in many filters.
    let mut huge = chunks::header(&sound);
    let filter = huge.split_off(20);
    huge[8..12].copy_from_slice(&(FILTERS_MAX as u32).to_le_bytes());
    for _ in 0..FILTERS_MAX {
        let start = huge.len();
        huge.extend_from_slice(&filter);
        huge[start..start + 8].copy_from_slice(&(1_u64 << 32).to_le_bytes());
        huge[start + 8..start + 16].copy_from_slice(&(1_u64 << 35).to_le_bytes());
    }
    assert!(chunks::from_header(&huge).is_none());
}

#[test]
fn a_filter_too_large_is_not_made() {
    let parameters = Parameters { error_rate: 1e-300, capacity: 1 << 30, scaling: Scaling::Never };
    assert!(Bloom::new(parameters).is_none());
    assert_eq!(bloom(1e-300, 1, Scaling::By(1)).filters[0].hashes, 997);
}

#[test]
fn error_rates_are_held_while_growing() {
    const ADDED: u64 = 100_000;
    const ASKED: u64 = 300_000;
    for (rate, capacity, scaling) in [
        (0.01, ADDED, Scaling::Never),
        (0.01, 100, Scaling::By(2)),
        (0.001, 1000, Scaling::By(4)),
        (0.2, 10_000, Scaling::By(1)),
    ] {
        let mut bloom = bloom(rate, capacity, scaling);
        for element in 0..ADDED {
            if bloom.items() < ADDED {
                bloom.add(&number(element)).unwrap();
            }
        }
        let wrong = wrong_answers(&bloom, ADDED, ASKED);
        assert!(wrong <= sampled(rate, ASKED), "{wrong} instead of {rate} with {scaling:?}");
    }
}

#[test]
#[ignore = "slow: run it in release mode, it adds 30 million elements"]
fn error_rates_are_held_with_ten_million_elements() {
    const ADDED: u64 = 10_000_000;
    for (rate, capacity, scaling) in
        [(0.01, ADDED, Scaling::Never), (0.001, 100, Scaling::By(2)), (0.01, 100, Scaling::By(2))]
    {
        let mut bloom = bloom(rate, capacity, scaling);
        (0..ADDED).for_each(|element| {
            bloom.add(&number(element)).unwrap();
        });
        let wrong = wrong_answers(&bloom, ADDED, ADDED);
        println!("{wrong} instead of {rate} with {scaling:?}, {} bytes", bloom.memory_bytes());
        assert!(wrong <= sampled(rate, ADDED), "{wrong} instead of {rate} with {scaling:?}");
        assert!((0..ADDED).all(|element| bloom.contains(&number(element))));
    }
}

#[test]
fn replicas_make_a_filter_as_the_primary_did() {
    let mut bench = Bench::new(&[("bf-error-rate", "0.25"), ("bf-initial-size", "7")]);
    let client = bench.client();
    assert_eq!(bench.say(client, "BF.ADD k a"), ":1");
    assert_eq!(bench.say(client, "BF.INFO k CAPACITY"), "*1 :7");
    bench.engine.settings.set("bf-initial-size", "9").unwrap();
    assert_eq!(bench.say(client, "BF.MADD k a b"), "*2 :0 :1");
    assert_eq!(bench.say(client, "BF.INFO k CAPACITY"), "*1 :7");
    assert_eq!(bench.say(client, "BF.MADD other a b"), "*2 :1 :1");
    assert_eq!(bench.say(client, "BF.INFO other CAPACITY"), "*1 :9");
}
