//! A key with what is computed from it once: the hash that finds it and, in a cluster, its slot.

use rapidhash::v3::{rapidhash_v3_inline, RapidSecrets};

/// Number of hash slots of a cluster.
pub const SLOT_COUNT: usize = 16_384;

/// A key as an argument: its bytes, its hash and its slot (0 outside a cluster).
#[derive(Clone, Copy, Debug)]
pub struct KeyRef<'a> {
    /// The key.
    pub bytes: &'a [u8],
    /// Its hash under this process's seed.
    pub hash: u64,
    /// Its slot; 0 when there is no cluster.
    pub slot: u16,
}

/// What has been computed of one argument of the running command, which is known again by where it lies.
///
/// It is good for as long as the arguments live: no other bytes can lie there meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct KnownKey {
    address: usize,
    len: usize,
    hash: u64,
    slot: u16,
}

impl KnownKey {
    /// Nothing was computed yet.
    pub const NONE: KnownKey = KnownKey { address: 0, len: 0, hash: 0, slot: 0 };

    /// What is known of a key.
    #[inline]
    pub fn of(key: &KeyRef<'_>) -> Self {
        KnownKey { address: key.bytes.as_ptr().addr(), len: key.bytes.len(), hash: key.hash, slot: key.slot }
    }

    /// Whether nothing was computed yet.
    #[inline]
    pub fn is_none(&self) -> bool {
        self.address == 0
    }

    /// The key that these bytes are, if they are the argument that is known.
    #[inline]
    pub fn get<'a>(&self, bytes: &'a [u8]) -> Option<KeyRef<'a>> {
        let is_it = self.address == bytes.as_ptr().addr() && self.len == bytes.len();
        is_it.then_some(KeyRef { bytes, hash: self.hash, slot: self.slot })
    }

    /// The key itself, to ask the processor for its place in the table.
    #[inline]
    pub fn without_bytes(&self) -> KeyRef<'static> {
        KeyRef { bytes: &[], hash: self.hash, slot: self.slot }
    }
}

impl Default for KnownKey {
    fn default() -> Self {
        KnownKey::NONE
    }
}

/// The hash function of keys, seeded so that outsiders cannot make keys collide.
#[derive(Clone)]
pub struct KeyHasher {
    secrets: RapidSecrets,
}

impl KeyHasher {
    /// A hash function; the seed should differ from process to process and be unknown outside.
    pub fn new(seed: u64) -> Self {
        KeyHasher { secrets: RapidSecrets::seed(seed) }
    }

    /// The hash of a key. All of its bits are good.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        rapidhash_v3_inline::<true, true, true>(key, &self.secrets)
    }
}

/// The slot of a key: CRC16 of the key, or of what stands between the first `{` and the next `}` if that
/// is not empty, modulo 16,384.
#[inline]
pub fn key_slot(key: &[u8]) -> u16 {
    #[cfg(test)]
    SLOTS_COMPUTED.set(SLOTS_COMPUTED.get() + 1);
    crc16(hash_tag(key)) & (SLOT_COUNT as u16 - 1)
}

#[cfg(test)]
thread_local! {
    /// How often this thread has computed the slot of a key, for tests that no command does so twice.
    pub static SLOTS_COMPUTED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The part of a key that decides its slot.
#[inline]
fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let tail = &key[open + 1..];
    match memchr::memchr(b'}', tail) {
        Some(length) if length > 0 => &tail[..length],
        _ => key,
    }
}

/// CRC16 with polynomial 0x1021 and start value 0 (XMODEM), as the cluster specification asks for.
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc: u16 = 0;
    let mut pairs = bytes.chunks_exact(2);
    for pair in &mut pairs {
        let mixed = crc ^ u16::from_be_bytes([pair[0], pair[1]]);
        crc = CRC16_TABLES[1][usize::from(mixed >> 8)] ^ CRC16_TABLES[0][usize::from(mixed & 0xff)];
    }
    if let [last] = pairs.remainder() {
        crc = (crc << 8) ^ CRC16_TABLES[0][usize::from((crc >> 8) as u8 ^ last)];
    }
    crc
}

/// The effect of a byte at the end of the message, and of one that another byte follows.
static CRC16_TABLES: [[u16; 256]; 2] = crc16_tables();

const fn crc16_tables() -> [[u16; 256]; 2] {
    let mut tables = [[0_u16; 256]; 2];
    let mut distance = 0;
    while distance < 2 {
        let mut byte = 0;
        while byte < 256 {
            let mut crc = (byte as u16) << 8;
            let mut bit = 0;
            while bit < 8 * (distance + 1) {
                crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
                bit += 1;
            }
            tables[distance][byte] = crc;
            byte += 1;
        }
        distance += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, slot) in [("foo", 12182), ("", 0), ("hello", 866), ("123456789", 0x31c3 & 16383)] {
            assert_eq!(key_slot(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn a_hash_tag_decides_alone_unless_it_is_empty() {
        let slot = key_slot(b"user1000");
        assert_eq!(key_slot(b"{user1000}.following"), slot);
        assert_eq!(key_slot(b"x{user1000}.{other}"), slot);
        assert_eq!(key_slot(b"{}user"), crc16(b"{}user") & 16383);
        assert_eq!(key_slot(b"a{user"), crc16(b"a{user") & 16383);
        assert_eq!(key_slot(b"foo{{bar}}zap"), key_slot(b"{bar"));
    }
}
