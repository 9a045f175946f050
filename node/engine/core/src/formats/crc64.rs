//! The 64-bit checksum of RDB files and DUMP payloads.
//!
//! The peers use the polynomial that David Jones found (`ad93d23594c935a9`), reflected, with a start value of 0
//! and no final inversion. The `crc-fast` crate knows it as CRC-64/REDIS and folds it with carry-less
//! multiplication where the processor has that, so that the checksum costs next to nothing beside reading; this
//! file gives it the shape that a stream needs: feed, look, feed on.

use crc_fast::{CrcAlgorithm, Digest};

const JONES: CrcAlgorithm = CrcAlgorithm::Crc64Redis;

/// The checksum of all bytes fed so far.
#[derive(Clone, Debug)]
pub struct Crc64(Digest);

impl Crc64 {
    /// The checksum of no bytes, which is 0.
    pub fn new() -> Self {
        Crc64(Digest::new(JONES))
    }

    /// Goes on over the next `bytes` of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum up to here; feeding can go on afterwards.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Crc64::new()
    }
}

/// The checksum of one whole piece.
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(JONES, bytes)
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
