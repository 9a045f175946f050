//! Bits against a naive model that looks at them one by one.

use super::value::bits::{self, Combine};
use super::value::field::{Overflow, Width};
use proptest::prelude::*;

fn bit_at(bytes: &[u8], bit: u64) -> bool {
    bytes.get((bit / 8) as usize).is_some_and(|byte| byte >> (7 - bit % 8) & 1 == 1)
}

/// Mostly equal bytes, long enough for every loop, so that finding has something to skip.
fn dull() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![Just(0_u8), Just(0xff), any::<u8>()], 0_usize..700, any::<[(u16, u8); 2]>()).prop_map(
        |(fill, len, specks)| {
            let mut bytes = vec![fill; len];
            for (at, value) in specks {
                if let Some(byte) = bytes.get_mut(usize::from(at)) {
                    *byte = value;
                }
            }
            bytes
        },
    )
}

fn naive_combine(how: Combine, sources: &[Vec<u8>], bit: u64) -> bool {
    let x = bit_at(&sources[0], bit);
    let others = sources[1..].iter().filter(|source| bit_at(source, bit)).count();
    let all = others + usize::from(x);
    match how {
        Combine::And => all == sources.len(),
        Combine::Or => all > 0,
        Combine::Xor => all % 2 == 1,
        Combine::Not => !x,
        Combine::Diff => x && others == 0,
        Combine::Diff1 => !x && others > 0,
        Combine::AndOr => x && others > 0,
        Combine::One => all == 1,
    }
}

proptest! {
    #[test]
    fn counting_and_finding_equal_the_naive_way(
        bytes in dull(), first in any::<u64>(), last in any::<u64>(), on in any::<bool>()
    ) {
        prop_assume!(!bytes.is_empty());
        let total = bytes.len() as u64 * 8;
        let range = first % total..=last % total;
        let set = range.clone().filter(|bit| bit_at(&bytes, *bit)).count();
        prop_assert_eq!(bits::count_in(&bytes, &range), set as u64);
        let found = range.clone().find(|bit| bit_at(&bytes, *bit) == on);
        prop_assert_eq!(bits::find_in(&bytes, &range, on), found);
    }

    #[test]
    fn combining_equals_the_naive_way(
        sources in prop::collection::vec(prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..70),
            1 => (any::<u8>(), 0_usize..20_000).prop_map(|(fill, len)| vec![fill; len]),
        ], 1..5)
    ) {
        let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
        for how in [Combine::And, Combine::Or, Combine::Xor, Combine::Not, Combine::Diff, Combine::Diff1,
                    Combine::AndOr, Combine::One] {
            let (slices, sources) =
                if how == Combine::Not { (&slices[..1], &sources[..1]) } else { (&slices[..], &sources[..]) };
            let result = bits::combine(how, slices);
            prop_assert_eq!(result.len(), sources.iter().map(Vec::len).max().unwrap_or(0));
            let step = if result.len() > 100 { 97 } else { 1 };
            for bit in (0..result.len() as u64 * 8).step_by(step) {
                prop_assert_eq!(bit_at(&result, bit), naive_combine(how, sources, bit), "{:?} bit {}", how, bit);
            }
        }
    }

    #[test]
    fn a_field_is_its_bits(
        mut bytes in prop::collection::vec(any::<u8>(), 0..24),
        first in 0_u64..150, signed in any::<bool>(), bits in 1_u32..=63, value in any::<i64>()
    ) {
        let width = Width { signed, bits: if signed { bits + 1 } else { bits } };
        let naive = |bytes: &[u8]| {
            let raw = (0..u64::from(width.bits)).fold(0_u128, |sum, at| sum << 1 | u128::from(bit_at(bytes, first + at)));
            let is_negative = signed && raw >> (width.bits - 1) & 1 == 1;
            if is_negative { raw as i128 - (1 << width.bits) } else { raw as i128 }
        };
        prop_assert_eq!(i128::from(width.get(&bytes, first)), naive(&bytes));
        let before = bytes.clone();
        let stored = width.fit(value.into(), Overflow::Wrap).unwrap();
        width.set(&mut bytes, first, stored);
        for bit in 0..bytes.len() as u64 * 8 {
            if !(first..first + u64::from(width.bits)).contains(&bit) {
                prop_assert_eq!(bit_at(&bytes, bit), bit_at(&before, bit));
            }
        }
        if first + u64::from(width.bits) <= bytes.len() as u64 * 8 {
            prop_assert_eq!(width.get(&bytes, first), stored);
        }
    }
}

#[test]
fn values_that_do_not_fit_wrap_saturate_or_fail() {
    let (i8, u8, i64) =
        (Width { signed: true, bits: 8 }, Width { signed: false, bits: 8 }, Width { signed: true, bits: 64 });
    for (width, value, wrapped, saturated) in [
        (i8, 128, -128, 127),
        (i8, -129, 127, -128),
        (u8, 256, 0, 255),
        (u8, -1, 255, 0),
        (i64, i128::from(i64::MAX) + 1, i64::MIN, i64::MAX),
    ] {
        assert_eq!(width.fit(value, Overflow::Wrap), Some(wrapped));
        assert_eq!(width.fit(value, Overflow::Saturate), Some(saturated));
        assert_eq!(width.fit(value, Overflow::Fail), None);
    }
    assert_eq!(i8.fit(-128, Overflow::Fail), Some(-128));
}
