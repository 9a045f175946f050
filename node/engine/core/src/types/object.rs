//! The table of types as code: from one line a type, everything that has to tell types apart.

macro_rules! collections {
    ($($(#[$doc:meta])* $field:ident: $name:ident($path:ty) = $kind:literal,)*) => {
        /// The limits of all types.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct TypeLimits {
            $($(#[$doc])* pub $field: <$path as Collection>::Limits,)*
        }

        impl TypeLimits {
            /// The limits that the settings ask for; `seed` is the secret of this process.
            pub fn new(settings: &Settings, seed: u64) -> Self {
                TypeLimits { $($field: <$path as Collection>::limits(settings, seed),)* }
            }
        }

        /// An owned value of a type other than string.
        #[derive(Clone)]
        pub enum Object {
            $($(#[$doc])* $name(Box<$path>),)*
        }

        /// A value as readers see it.
        #[derive(Clone, Copy)]
        pub enum ValueRef<'a> {
            /// A string that is an integer, kept as one.
            Int(i64),
            /// A string.
            Bytes(&'a [u8]),
            $($(#[$doc])* $name(&'a $path),)*
        }

        /// A collection as writers see it.
        pub enum ObjectMut<'a> {
            $($(#[$doc])* $name(&'a mut $path),)*
        }

        impl Object {
            /// The number that the keyspace's entry keeps, and the pointer; undone by [`Object::from_raw`].
            pub(crate) fn into_raw(self) -> (u8, *mut u8) {
                match self {
                    $(Object::$name(value) => ($kind, Box::into_raw(value).cast()),)*
                }
            }

            /// Number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(Object::$name(value) => value.len(),)*
                }
            }

            /// Whether such a value does not stay in the keyspace.
            pub fn is_empty(&self) -> bool {
                match self {
                    $(Object::$name(value) => Collection::is_empty(&**value),)*
                }
            }

            /// Number of allocations that freeing it gives back.
            pub fn free_effort(&self) -> usize {
                match self {
                    $(Object::$name(value) => value.free_effort(),)*
                }
            }

            /// It, as readers see it.
            pub fn as_value(&self) -> ValueRef<'_> {
                match self {
                    $(Object::$name(value) => ValueRef::$name(value),)*
                }
            }
        }

        impl<'a> ValueRef<'a> {
            /// The word that TYPE answers.
            pub fn type_name(&self) -> &'static str {
                match self {
                    ValueRef::Int(_) | ValueRef::Bytes(_) => "string",
                    $(ValueRef::$name(_) => <$path as Collection>::TYPE_NAME,)*
                }
            }

            /// Bytes of a collection: the struct and what it owns. Strings are counted with their entry.
            pub(crate) fn collection_bytes(&self) -> usize {
                match self {
                    ValueRef::Int(_) | ValueRef::Bytes(_) => 0,
                    $(ValueRef::$name(value) => {
                        crate::base::alloc::rounded(size_of::<$path>()) + value.memory_bytes()
                    })*
                }
            }

            /// The word that OBJECT ENCODING answers for a collection.
            pub(crate) fn collection_encoding(&self) -> Option<&'static str> {
                match self {
                    ValueRef::Int(_) | ValueRef::Bytes(_) => None,
                    $(ValueRef::$name(value) => Some(value.encoding()),)*
                }
            }

            /// The byte that says in RDB and DUMP how the value is encoded.
            pub(crate) fn rdb_code(&self) -> u8 {
                match *self {
                    ValueRef::Int(_) | ValueRef::Bytes(_) => string::codec::RDB_CODE,
                    $(ValueRef::$name(value) => value.rdb_code(),)*
                }
            }

            /// Writes a part of the value; see [`Collection::write_rdb`].
            pub(crate) fn write_rdb(&self, cursor: u64, elements: usize, out: &mut RdbOutput<'_>) -> u64 {
                match *self {
                    ValueRef::Int(value) => string::codec::write_int(value, out),
                    ValueRef::Bytes(bytes) => string::codec::write_bytes(bytes, out),
                    $(ValueRef::$name(value) => return value.write_rdb(cursor, elements, out),)*
                }
                0
            }

            /// Adds the value to a digest, its type first.
            pub(crate) fn digest(&self, digest: &mut Digest) {
                match *self {
                    ValueRef::Int(_) | ValueRef::Bytes(_) => string::codec::digest(*self, digest),
                    $(ValueRef::$name(value) => {
                        digest.mix(&<$path as Collection>::DIGEST_NUMBER.to_be_bytes());
                        value.digest(digest);
                    })*
                }
            }

            /// Hands out the commands that make the value under this key, as an append-only file has them.
            pub fn rebuild(&self, key: &[u8], emit: Rebuild<'_>) {
                match *self {
                    ValueRef::Int(_) | ValueRef::Bytes(_) => string::codec::rebuild(*self, key, emit),
                    $(ValueRef::$name(value) => value.rebuild(key, emit),)*
                }
            }

            /// A copy of its own; a string becomes `None` because the keyspace copies it itself.
            pub(crate) fn clone_object(&self) -> Option<Object> {
                match *self {
                    ValueRef::Int(_) | ValueRef::Bytes(_) => None,
                    $(ValueRef::$name(value) => Some(Object::$name(Box::new(value.clone()))),)*
                }
            }
        }

        impl ObjectMut<'_> {
            /// Number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(ObjectMut::$name(value) => value.len(),)*
                }
            }

            /// Whether such a value does not stay in the keyspace.
            pub fn is_empty(&self) -> bool {
                match self {
                    $(ObjectMut::$name(value) => Collection::is_empty(&**value),)*
                }
            }
        }

        /// A collection on its way in from RDB or DUMP.
        pub(crate) enum ObjectReader {
            $($(#[$doc])* $name(<$path as Collection>::Reader),)*
        }

        impl ObjectReader {
            /// The reader for this type byte; `None` when no type has it.
            pub(crate) fn new(code: u8, is_valkey: bool) -> Option<Result<Self, RdbProblem>> {
                $(if let Some(reader) = <$path as Collection>::rdb_reader(code, is_valkey) {
                    return Some(reader.map(ObjectReader::$name));
                })*
                None
            }

            /// Goes on with the bytes that are there; the value once it is complete.
            pub(crate) fn read(
                &mut self,
                input: &mut Input<'_>,
                limits: &TypeLimits,
            ) -> Result<Object, Stop> {
                match self {
                    $(ObjectReader::$name(reader) => {
                        let value = <$path as Collection>::read_rdb(reader, input, &limits.$field)?;
                        Ok(Object::$name(Box::new(value)))
                    })*
                }
            }
        }

        /// Numbers and pointers of entries, made by [`Object::into_raw`], turned back.
        pub(crate) mod raw {
            #![allow(unsafe_code, unused_imports)]
            use super::*;

            /// Takes the object back.
            ///
            /// # Safety
            /// `pointer` came from [`Object::into_raw`] together with `kind` and is used no more.
            pub(crate) unsafe fn into_object(kind: u8, pointer: *mut u8) -> Object {
                match kind {
                    // SAFETY: by the caller's promise the pointer is a leaked box of this type.
                    $($kind => Object::$name(unsafe { Box::from_raw(pointer.cast()) }),)*
                    _ => unreachable!("an entry's kind is written by into_raw only"),
                }
            }

            /// Reads it.
            ///
            /// # Safety
            /// As above, except that the object stays where it is, unchanged during `'a`.
            pub(crate) unsafe fn as_value<'a>(kind: u8, pointer: *mut u8) -> ValueRef<'a> {
                match kind {
                    // SAFETY: the pointer is a live box of this type, shared during `'a`.
                    $($kind => ValueRef::$name(unsafe { &*pointer.cast() }),)*
                    _ => unreachable!("an entry's kind is written by into_raw only"),
                }
            }

            /// Changes it.
            ///
            /// # Safety
            /// As above, with nobody else looking at it during `'a`.
            pub(crate) unsafe fn as_object_mut<'a>(kind: u8, pointer: *mut u8) -> ObjectMut<'a> {
                match kind {
                    // SAFETY: the pointer is a live box of this type, ours alone during `'a`.
                    $($kind => ObjectMut::$name(unsafe { &mut *pointer.cast() }),)*
                    _ => unreachable!("an entry's kind is written by into_raw only"),
                }
            }
        }
    };
}
