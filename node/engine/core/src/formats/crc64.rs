//! The 64-bit checksum of RDB files and DUMP payloads.
//!
//! The peers use the polynomial that David Jones found (`ad93d23594c935a9`), reflected, with a start value of 0
//! and no final inversion. The `crc` crate knows it as CRC-64/REDIS and computes 16 bytes at a time with tables
//! built at compile time; this file gives it the shape that a stream needs: feed, look, feed on.

use crc::{Crc, Digest, Table, CRC_64_REDIS};

static JONES: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The checksum of all bytes fed so far.
#[derive(Clone)]
pub struct Crc64(Digest<'static, u64, Table<16>>);

impl Crc64 {
    /// The checksum of no bytes, which is 0.
    pub fn new() -> Self {
        Crc64(JONES.digest())
    }

    /// Goes on over the next `bytes` of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum up to here; feeding can go on afterwards.
    pub fn value(&self) -> u64 {
        self.0.clone().finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Crc64::new()
    }
}

/// The checksum of one whole piece.
pub fn crc64(bytes: &[u8]) -> u64 {
    JONES.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, one bit at a time.
    fn naive(bytes: &[u8]) -> u64 {
        const REFLECTED: u64 = 0xad93_d235_94c9_35a9_u64.reverse_bits();
        bytes.iter().fold(0, |start, byte| {
            (0..8).fold(start ^ u64::from(*byte), |crc, _| (crc >> 1) ^ ((crc & 1) * REFLECTED))
        })
    }

    #[test]
    fn the_known_check_value() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
    }

    proptest! {
        #[test]
        fn equals_the_definition_however_it_is_cut(bytes: Vec<u8>, cut: prop::sample::Index) {
            let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut running = Crc64::new();
            running.update(left);
            prop_assert_eq!(running.value(), naive(left));
            running.update(right);
            prop_assert_eq!(running.value(), naive(&bytes));
            prop_assert_eq!(crc64(&bytes), naive(&bytes));
        }
    }
}
