//! What a type has to tell of itself.

use crate::formats::digest::Digest;
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop};
use crate::settings::Settings;

/// Takes the commands that rebuild a value, each as its arguments.
pub type Rebuild<'a> = &'a mut dyn FnMut(&[&[u8]]);

/// What the keyspace and the generic commands need to know of every type that is not a string.
pub trait Collection: Clone + Send + 'static {
    /// The word that TYPE answers.
    const TYPE_NAME: &'static str;

    /// The number that begins the type's part of a digest (DEBUG DIGEST): Redis's number of the type.
    const DIGEST_NUMBER: u32;

    /// By which sizes the value changes its representation, and with which secret it hashes.
    type Limits: Copy + std::fmt::Debug + Default + Send;

    /// A value on its way in from RDB or DUMP: what has been read so far, and how much is left.
    type Reader: Send;

    /// The word that OBJECT ENCODING answers.
    fn encoding(&self) -> &'static str;

    /// Number of elements.
    fn len(&self) -> usize;

    /// Whether such a value does not stay in the keyspace: for all types but streams, that it has no elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated by it, as the allocator rounds them, without the struct itself.
    fn memory_bytes(&self) -> usize;

    /// Number of allocations that freeing it gives back: above a threshold it is freed on another thread.
    fn free_effort(&self) -> usize;

    /// The limits that the settings ask for; `seed` is the secret of this process.
    fn limits(settings: &Settings, seed: u64) -> Self::Limits;

    /// The byte that says in RDB and DUMP how the value is encoded.
    fn rdb_code(&self) -> u8;

    /// Writes a part of the value, without its type byte: from `cursor` on (0 at first), at least `elements` of its
    /// elements. Returns where the next part begins, 0 at the end.
    ///
    /// A big value is written in many parts, so that no part makes a long pause; it does not change in between.
    fn write_rdb(&self, cursor: u64, elements: usize, out: &mut RdbOutput<'_>) -> u64;

    /// A reader for values of this type byte; `None` when it is another type's. Valkey gave some bytes a meaning
    /// of their own.
    fn rdb_reader(code: u8, is_valkey: bool) -> Option<Result<Self::Reader, RdbProblem>>;

    /// Goes on with the bytes that have arrived; the value once it is complete.
    ///
    /// # Errors
    /// [`Stop::More`] when bytes are missing: what was taken of `input` is kept in the reader. [`Stop::Bad`] when
    /// the bytes are wrong, an empty value included.
    fn read_rdb(
        reader: &mut Self::Reader,
        input: &mut Input<'_>,
        limits: &Self::Limits,
    ) -> Result<Self, Stop>;

    /// Adds the elements to a digest, in order where the type has one.
    fn digest(&self, digest: &mut Digest);

    /// Hands out the commands that make the value under this key, as an append-only file has them.
    fn rebuild(&self, key: &[u8], emit: Rebuild<'_>);
}
