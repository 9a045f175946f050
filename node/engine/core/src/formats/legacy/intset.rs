//! The intset: the members of a set of integers, all of one width, ascending.
//!
//! Four bytes for the width (2, 4 or 8), four for the number of members, then the members; low byte first throughout.

use super::{damage, word, Damage};
use crate::formats::packed::signed_little_endian;

const HEADER: usize = 8;

/// The members of an intset.
pub fn decode(bytes: &[u8]) -> Result<Vec<i64>, Damage> {
    let (Some(width), Some(count)) = (word(bytes, 0), word(bytes, 4)) else {
        return damage(bytes.len(), "an intset without its header");
    };
    if !matches!(width, 2 | 4 | 8) {
        return damage(0, "an intset of an unknown width");
    }
    let members = &bytes[HEADER..];
    if count.checked_mul(width) != Some(members.len()) {
        return damage(4, "a number of members that is not the intset's");
    }
    let numbers: Vec<i64> = members.chunks_exact(width).map(signed_little_endian).collect();
    match numbers.windows(2).position(|pair| pair[0] >= pair[1]) {
        Some(index) => damage(HEADER + index * width, "an intset that is not ascending"),
        None => Ok(numbers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_of_a_peer() {
        assert_eq!(decode(b"\x02\0\0\0\x03\0\0\0\xff\xff\x01\0\x2c\x01"), Ok(vec![-1, 1, 300]));
        assert_eq!(decode(b"\x08\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\x80"), Ok(vec![i64::MIN]));
    }

    #[test]
    fn damage_is_named() {
        for bytes in [&b"\x02\0\0\0"[..], b"\x03\0\0\0\0\0\0\0", b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0"] {
            assert!(decode(bytes).is_err());
        }
        assert_eq!(decode(b"\x08\0\0\0\xff\xff\xff\xff\0").unwrap_err().offset, 4);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
