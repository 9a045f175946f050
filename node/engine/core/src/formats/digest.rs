//! DEBUG DIGEST: one number for a whole data set, equal to Redis's for equal data.
//!
//! A replica, a restored dump or another server holds the same data exactly when the digests agree.
//! Order does not matter where the data type has none: such elements are combined by exclusive or.
//! The algorithm is Redis's, by its published behaviour; SHA-1 serves as a mixer here, not as a shield.

use sha1::{Digest as _, Sha1};

/// A digest under construction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; 20]);

impl Digest {
    /// Combines with others in any order.
    pub fn combine(&mut self, bytes: &[u8]) {
        let hash: [u8; 20] = Sha1::digest(bytes).into();
        self.0.iter_mut().zip(hash).for_each(|(mine, theirs)| *mine ^= theirs);
    }

    /// Combines in this order only.
    pub fn mix(&mut self, bytes: &[u8]) {
        self.combine(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    /// Combines with an element whose parts stand in this order, while elements stand in any.
    pub fn combine_element(&mut self, parts: &[&[u8]]) {
        let mut element = Digest::default();
        parts.iter().for_each(|part| element.mix(part));
        self.combine(&element.0);
    }

    /// Combines with another digest, in any order.
    pub fn combine_digest(&mut self, other: Digest) {
        self.combine(&other.0);
    }

    /// Enough of it to tell the values of two files apart.
    pub fn short(self) -> u128 {
        u128::from_le_bytes(std::array::from_fn(|index| self.0[index]))
    }

    /// Forty hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
