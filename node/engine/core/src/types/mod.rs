//! The data types. One type is one file here, or a folder; the representation of strings is the keyspace's.
//!
//! To add a type: write its file with a struct that implements [`Collection`], and name it once in
//! [`collections!`] below. The keyspace stores a pointer to it without knowing what it is.

pub mod field_table;
pub mod hash;
pub mod string;

/// What the keyspace and the generic commands need to know of every type that is not a string.
pub trait Collection: Clone + Send + 'static {
    /// The word that TYPE answers.
    const TYPE_NAME: &'static str;

    /// The word that OBJECT ENCODING answers.
    fn encoding(&self) -> &'static str;

    /// Number of elements.
    fn len(&self) -> usize;

    /// Whether there are no elements; such a value does not stay in the keyspace.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated by it, as the allocator rounds them, without the struct itself.
    fn memory_bytes(&self) -> usize;

    /// Number of allocations that freeing it gives back: above a threshold it is freed on another thread.
    fn free_effort(&self) -> usize;
}

macro_rules! collections {
    ($($(#[$doc:meta])* $name:ident($path:ty) = $kind:literal,)*) => {
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

            /// Whether there are no elements.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
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
                        crate::alloc::rounded(size_of::<$path>()) + value.memory_bytes()
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

            /// Whether there are no elements.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
        }

        /// Numbers and pointers of entries, made by [`Object::into_raw`], turned back.
        pub(crate) mod raw {
            #![allow(unused_imports)]
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

impl<'a> ValueRef<'a> {
    /// The bytes of a string, an integer written out into `digits`; nothing for other types.
    #[inline]
    pub fn string<'b>(self, digits: &'b mut itoa::Buffer) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        match self {
            ValueRef::Int(value) => Some(digits.format(value).as_bytes()),
            ValueRef::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is a string.
    #[inline]
    pub fn is_string(&self) -> bool {
        matches!(self, ValueRef::Int(_) | ValueRef::Bytes(_))
    }
}

collections! {
    /// Fields with values.
    Hash(hash::Hash) = 4,
}
