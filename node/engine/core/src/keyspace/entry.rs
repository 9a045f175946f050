//! An entry: a key, its value and, where there is one, its expiry, in one allocation.
//!
//! ```text
//! byte  0      kind of the value (low 4 bits) and flags
//!       1      size of the allocation in units of 16 bytes; 0: exactly what its parts need
//!       2..5   access clock, 24 bits
//!      [5..13  expiry, milliseconds since 1970, only if the flag says so]
//!       then   length of the key (1 byte, or 0xff and 4 bytes), the key,
//!       then   the value: an integer (8 bytes); or an embedded string: length (1 byte, or 0xff and 2 bytes)
//!              and its bytes; or a long string: a `Vec<u8>` (24 bytes); or a pointer to a collection (8 bytes)
//! ```
//!
//! A pair of 16 bytes each takes 39 bytes this way, in one cache line most of the time. Nothing in it is
//! aligned, so everything is read and written with unaligned accesses. The allocation itself is aligned to 16.
//!
//! Long keys (more than about 4,000 bytes with their header) get an allocation of exactly the size of their
//! parts, with room for the largest value part, and never embed a string.
//!
//! [`Entry`] owns its allocation but has no `Drop`: the table that holds it frees it explicitly, because it
//! lives there as a tagged pointer.

use std::alloc::{alloc, dealloc, handle_alloc_error, Layout};
use std::ptr::{self, NonNull};

use super::access::ACCESS_CLOCK_MASK;
use crate::base::alloc::is_sparse;
use crate::types::{self, ObjectMut, Value, ValueRef};

/// Longest string kept inside the entry.
pub const EMBEDDED_BYTES_MAX: usize = 1024;

/// Longest string whose encoding is called `embstr`, by Redis's rules.
pub const EMBSTR_BYTES_MAX: usize = 44;

const ALIGNMENT: usize = 16;
const CAPACITY_UNIT: usize = 16;
const CAPACITY_BYTES_MAX: usize = 255 * CAPACITY_UNIT;

const KIND_MASK: u8 = 0x0f;
const KIND_INT: u8 = 0;
const KIND_EMBEDDED: u8 = 1;
const KIND_LONG: u8 = 2;
const KIND_OBJECT_FIRST: u8 = 4;
const FLAG_EXPIRY: u8 = 0x10;
/// The string was changed in place (APPEND, SETRANGE...), so that its encoding is called `raw` however short.
const FLAG_MODIFIED: u8 = 0x20;

const HEADER_BYTES: usize = 5;
const EXPIRY_BYTES: usize = 8;
/// Larger values stay where they are when memory is moved together: they have pages of their own, or nearly.
const RELOCATED_BYTES_MAX: usize = 16 * 1024;
const LONG_LENGTH: u8 = 0xff;
const VALUE_PART_BYTES_MAX: usize = size_of::<Vec<u8>>();

/// What is put into an entry.
pub(crate) enum Payload<'a> {
    Int(i64),
    Embedded(&'a [u8]),
    Long(Vec<u8>),
    /// The kind and pointer of an [`Object`](crate::types::Object).
    Object(u8, *mut u8),
}

impl Payload<'_> {
    fn bytes(&self) -> usize {
        match self {
            Payload::Int(_) | Payload::Object(..) => 8,
            Payload::Embedded(bytes) => {
                bytes.len() + if bytes.len() < usize::from(LONG_LENGTH) { 1 } else { 3 }
            }
            Payload::Long(_) => VALUE_PART_BYTES_MAX,
        }
    }

    fn into_value(self) -> Value {
        match self {
            Payload::Int(value) => Value::Int(value),
            Payload::Embedded(bytes) => Value::Bytes(bytes.to_vec()),
            Payload::Long(bytes) => Value::Bytes(bytes),
            Payload::Object(kind, pointer) => {
                // SAFETY: an object payload comes from `Object::into_raw`, or from an entry that forgets it.
                Value::Object(unsafe { types::raw::into_object(kind, pointer) })
            }
        }
    }
}

/// What a key holds, taken out or copied: everything that goes with it under another name or elsewhere.
pub struct Content {
    /// The value.
    pub value: Value,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// Whether the string was changed in place, which shows in its encoding's name only.
    pub(crate) is_modified: bool,
}

impl Content {
    /// A string that a command has computed: no integer, and not called `embstr` however short.
    pub fn computed(bytes: Vec<u8>) -> Self {
        Content { value: Value::Bytes(bytes), expire_at_ms: None, is_modified: true }
    }
}

/// An owned entry; see the module's documentation. Two copies of it are the same entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(crate) struct Entry(NonNull<u8>);

// SAFETY: everything in an entry (bytes, collections) is Send. A snapshot remembers one beside the table that
// owns it.
unsafe impl Send for Entry {}

// SAFETY of every block below: an `Entry` points to a live allocation laid out as the module describes, written
// by `Entry::build` alone; the offsets computed from its header stay inside it. It is `Copy` for the table's
// sake; the table holds each entry once, hands out borrows bound to its own borrow, and frees it once.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Entry {
    fn key_part_bytes(key_len: usize) -> usize {
        key_len + if key_len < usize::from(LONG_LENGTH) { 1 } else { 5 }
    }

    /// Allocates an entry.
    pub(crate) fn new(key: &[u8], payload: Payload<'_>, expire_at_ms: Option<i64>, clock: u32) -> Entry {
        let fixed = HEADER_BYTES
            + if expire_at_ms.is_some() { EXPIRY_BYTES } else { 0 }
            + Entry::key_part_bytes(key.len());
        let needed = fixed + payload.bytes();
        let payload = match payload {
            Payload::Embedded(bytes) if needed > CAPACITY_BYTES_MAX => Payload::Long(bytes.to_vec()),
            payload => payload,
        };
        let units = needed.div_ceil(CAPACITY_UNIT);
        let (units, size) = if needed <= CAPACITY_BYTES_MAX {
            (units as u8, units * CAPACITY_UNIT)
        } else {
            (0, fixed + VALUE_PART_BYTES_MAX)
        };
        let layout = Entry::layout(size);
        let entry = match NonNull::new(unsafe { alloc(layout) }) {
            Some(pointer) => Entry(pointer),
            None => handle_alloc_error(layout),
        };
        entry.write_at(1, units);
        entry.set_clock(clock);
        entry.write_key_and_payload(key, payload, expire_at_ms, 0);
        entry
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, ALIGNMENT).expect("an entry is smaller than the address space")
    }

    fn write_key_and_payload(self, key: &[u8], payload: Payload<'_>, expire_at_ms: Option<i64>, flags: u8) {
        self.write_at(0, flags);
        let mut offset = HEADER_BYTES;
        if let Some(expire_at_ms) = expire_at_ms {
            self.write_at(0, flags | FLAG_EXPIRY);
            self.write_at(offset, expire_at_ms);
            offset += EXPIRY_BYTES;
        }
        if key.len() < usize::from(LONG_LENGTH) {
            self.write_at(offset, key.len() as u8);
            offset += 1;
        } else {
            let length = u32::try_from(key.len()).expect("keys are shorter than 4 GiB");
            self.write_at(offset, LONG_LENGTH);
            self.write_at(offset + 1, length);
            offset += 5;
        }
        unsafe { ptr::copy_nonoverlapping(key.as_ptr(), self.at(offset), key.len()) };
        self.write_payload(offset + key.len(), payload);
    }

    fn write_payload(self, offset: usize, payload: Payload<'_>) {
        let kind = match payload {
            Payload::Int(value) => {
                self.write_at(offset, value);
                KIND_INT
            }
            Payload::Embedded(bytes) => {
                let mut offset = offset;
                if bytes.len() < usize::from(LONG_LENGTH) {
                    self.write_at(offset, bytes.len() as u8);
                    offset += 1;
                } else {
                    self.write_at(offset, LONG_LENGTH);
                    self.write_at(offset + 1, bytes.len() as u16);
                    offset += 3;
                }
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(offset), bytes.len()) };
                KIND_EMBEDDED
            }
            Payload::Long(bytes) => {
                self.write_at(offset, bytes);
                KIND_LONG
            }
            Payload::Object(kind, pointer) => {
                debug_assert!((KIND_OBJECT_FIRST..=KIND_MASK).contains(&kind));
                self.write_at(offset, pointer);
                kind
            }
        };
        self.write_at(0, self.header() & !KIND_MASK | kind);
    }

    #[inline]
    fn at(self, offset: usize) -> *mut u8 {
        unsafe { self.0.as_ptr().add(offset) }
    }

    #[inline]
    fn read_at<T>(self, offset: usize) -> T {
        unsafe { ptr::read_unaligned(self.at(offset).cast()) }
    }

    #[inline]
    fn write_at<T>(self, offset: usize, value: T) {
        unsafe { ptr::write_unaligned(self.at(offset).cast(), value) }
    }

    #[inline]
    fn header(self) -> u8 {
        self.read_at(0)
    }

    #[inline]
    fn kind(self) -> u8 {
        self.header() & KIND_MASK
    }

    #[inline]
    fn key_offset_and_len(self) -> (usize, usize) {
        let offset = HEADER_BYTES + if self.has_expiry() { EXPIRY_BYTES } else { 0 };
        match self.read_at::<u8>(offset) {
            LONG_LENGTH => (offset + 5, self.read_at::<u32>(offset + 1) as usize),
            length => (offset + 1, usize::from(length)),
        }
    }

    #[inline]
    fn payload_offset(self) -> usize {
        let (offset, length) = self.key_offset_and_len();
        offset + length
    }

    /// The bytes allocated.
    fn allocated(self) -> usize {
        match self.read_at::<u8>(1) {
            0 => self.payload_offset() + VALUE_PART_BYTES_MAX,
            units => usize::from(units) * CAPACITY_UNIT,
        }
    }

    #[inline]
    fn embedded_offset_and_len(self) -> (usize, usize) {
        let offset = self.payload_offset();
        match self.read_at::<u8>(offset) {
            LONG_LENGTH => (offset + 3, usize::from(self.read_at::<u16>(offset + 1))),
            length => (offset + 1, usize::from(length)),
        }
    }

    /// The pointer that the table tags.
    #[inline]
    pub(crate) fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// The entry behind a pointer that [`Entry::as_ptr`] gave.
    ///
    /// # Safety
    /// The entry has not been freed.
    #[inline]
    pub(crate) unsafe fn from_ptr(pointer: *mut u8) -> Entry {
        debug_assert!(!pointer.is_null());
        Entry(unsafe { NonNull::new_unchecked(pointer) })
    }

    /// The key.
    ///
    /// The caller bounds `'a` by the borrow of the table that holds the entry; the same goes for `value`.
    #[inline]
    pub(crate) fn key<'a>(self) -> &'a [u8] {
        let (offset, length) = self.key_offset_and_len();
        unsafe { std::slice::from_raw_parts(self.at(offset), length) }
    }

    /// Whether the key is this one.
    #[inline]
    pub(crate) fn key_is(self, key: &[u8]) -> bool {
        self.key() == key
    }

    #[inline]
    pub(crate) fn value<'a>(self) -> ValueRef<'a> {
        match self.kind() {
            KIND_EMBEDDED => {
                let (offset, length) = self.embedded_offset_and_len();
                ValueRef::Bytes(unsafe { std::slice::from_raw_parts(self.at(offset), length) })
            }
            KIND_INT => ValueRef::Int(self.read_at(self.payload_offset())),
            KIND_LONG => ValueRef::Bytes(unsafe { self.long_bytes() }),
            kind => unsafe { types::raw::as_value(kind, self.read_at(self.payload_offset())) },
        }
    }

    /// The bytes of a long string. The copy of the `Vec` made here is forgotten, never dropped.
    unsafe fn long_bytes<'a>(self) -> &'a mut [u8] {
        let mut bytes = std::mem::ManuallyDrop::new(self.read_at::<Vec<u8>>(self.payload_offset()));
        unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr(), bytes.len()) }
    }

    /// The bytes of a string that is not an integer, to be changed without changing their number.
    pub(crate) fn string_bytes_mut<'a>(self) -> Option<&'a mut [u8]> {
        self.write_at(0, self.header() | if self.is_string() { FLAG_MODIFIED } else { 0 });
        match self.kind() {
            KIND_EMBEDDED => {
                let (offset, length) = self.embedded_offset_and_len();
                Some(unsafe { std::slice::from_raw_parts_mut(self.at(offset), length) })
            }
            KIND_LONG => Some(unsafe { self.long_bytes() }),
            _ => None,
        }
    }

    pub(crate) fn is_long_string(self) -> bool {
        self.kind() == KIND_LONG
    }

    /// Lets a long string change at will, if the value is one.
    pub(crate) fn with_long_string<T>(self, change: impl FnOnce(&mut Vec<u8>) -> T) -> Option<T> {
        if self.kind() != KIND_LONG {
            return None;
        }
        let offset = self.payload_offset();
        let Some(Payload::Long(mut bytes)) = self.take_outside() else { return None };
        // Should `change` unwind, the entry is left with an integer: wrong, but not unsound.
        self.write_at(offset, 0_i64);
        let result = change(&mut bytes);
        self.write_payload(offset, Payload::Long(bytes));
        self.mark_modified();
        Some(result)
    }

    pub(crate) fn object_mut<'a>(self) -> Option<ObjectMut<'a>> {
        match self.kind() {
            KIND_INT | KIND_EMBEDDED | KIND_LONG => None,
            kind => Some(unsafe { types::raw::as_object_mut(kind, self.read_at(self.payload_offset())) }),
        }
    }

    #[inline]
    pub(crate) fn is_string(self) -> bool {
        self.kind() < KIND_OBJECT_FIRST
    }

    #[inline]
    pub(crate) fn has_expiry(self) -> bool {
        self.header() & FLAG_EXPIRY != 0
    }

    #[inline]
    pub(crate) fn expire_at_ms(self) -> Option<i64> {
        self.has_expiry().then(|| self.read_at(HEADER_BYTES))
    }

    #[inline]
    pub(crate) fn clock(self) -> u32 {
        let bytes: [u8; 3] = self.read_at(2);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
    }

    #[inline]
    pub(crate) fn set_clock(self, clock: u32) {
        let [a, b, c, _] = (clock & ACCESS_CLOCK_MASK).to_le_bytes();
        self.write_at(2, [a, b, c]);
    }

    pub(crate) fn is_modified(self) -> bool {
        self.header() & FLAG_MODIFIED != 0
    }

    pub(crate) fn mark_modified(self) {
        self.write_at(0, self.header() | FLAG_MODIFIED);
    }

    /// The word that OBJECT ENCODING answers.
    pub(crate) fn encoding(self) -> &'static str {
        match self.value() {
            ValueRef::Int(_) => "int",
            ValueRef::Bytes(bytes) if bytes.len() > EMBSTR_BYTES_MAX => "raw",
            ValueRef::Bytes(_) if self.is_modified() => "raw",
            ValueRef::Bytes(_) => "embstr",
            collection => collection.collection_encoding().unwrap_or("unknown"),
        }
    }

    /// Bytes allocated for the entry and everything behind it.
    pub(crate) fn memory_bytes(self) -> usize {
        let entry = crate::base::alloc::rounded(self.allocated());
        if self.kind() == KIND_LONG {
            let long = std::mem::ManuallyDrop::new(self.read_at::<Vec<u8>>(self.payload_offset()));
            return entry + crate::base::alloc::rounded(long.capacity());
        }
        entry + self.value().collection_bytes()
    }

    /// Takes out what the value owns outside the entry, if anything, so that freeing the entry frees no more.
    fn take_outside(self) -> Option<Payload<'static>> {
        let offset = self.payload_offset();
        let payload = match self.kind() {
            KIND_INT | KIND_EMBEDDED => return None,
            KIND_LONG => Payload::Long(self.read_at(offset)),
            kind => Payload::Object(kind, self.read_at(offset)),
        };
        self.write_at(0, self.header() & !KIND_MASK | KIND_INT);
        Some(payload)
    }

    /// Replaces the value in place if the new one fits, handing out what the old one owned; otherwise gives
    /// the payload back.
    pub(crate) fn overwrite<'a>(self, payload: Payload<'a>) -> Result<Option<Value>, Payload<'a>> {
        let offset = self.payload_offset();
        let size = offset + payload.bytes();
        let allocated = self.allocated();
        let is_exact = self.read_at::<u8>(1) == 0;
        // A value much smaller than its room moves out, so that memory follows the data down.
        let fits = size <= allocated && (is_exact || allocated - size <= 2 * CAPACITY_UNIT + size);
        if !fits || (is_exact && matches!(payload, Payload::Embedded(_))) {
            return Err(payload);
        }
        let old = self.take_outside().map(Payload::into_value);
        self.write_at(0, self.header() & !FLAG_MODIFIED);
        self.write_payload(offset, payload);
        Ok(old)
    }

    /// Writes another expiry where there is one already.
    pub(crate) fn overwrite_expiry(self, expire_at_ms: i64) {
        debug_assert!(self.has_expiry());
        self.write_at(HEADER_BYTES, expire_at_ms);
    }

    /// The same value and clock under another key or with another expiry. The old allocation is freed.
    pub(crate) fn rebuild(self, key: Option<&[u8]>, expire_at_ms: Option<i64>) -> Entry {
        let modified = self.header() & FLAG_MODIFIED;
        let key = key.unwrap_or_else(|| self.key());
        let payload = match self.take_outside() {
            Some(payload) => payload,
            None => self.inside(),
        };
        let rebuilt = Entry::new(key, payload, expire_at_ms, self.clock());
        rebuilt.write_at(0, rebuilt.header() | modified);
        self.free_allocation();
        rebuilt
    }

    /// The value of an entry that owns nothing outside itself.
    fn inside<'a>(self) -> Payload<'a> {
        match self.value() {
            ValueRef::Bytes(bytes) => Payload::Embedded(bytes),
            ValueRef::Int(value) => Payload::Int(value),
            _ => unreachable!("collections are outside the entry"),
        }
    }

    /// Frees the entry and hands out its value.
    pub(crate) fn into_value(self) -> Value {
        let value = self.take_outside().unwrap_or_else(|| self.inside()).into_value();
        self.free_allocation();
        value
    }

    /// Frees the entry; what is expensive to free is handed out instead.
    pub(crate) fn free(self) -> Option<Value> {
        let outside = self.take_outside().map(Payload::into_value);
        self.free_allocation();
        outside.filter(Value::is_expensive_to_free)
    }

    fn free_allocation(self) {
        let layout = Entry::layout(self.allocated());
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }

    /// Moves what lies in sparse pages of the allocator, a value that is small enough and the entry itself; see
    /// [`is_sparse`]. Gives the entry's new place if it has one; tells by `moved` how many allocations were moved.
    pub(crate) fn relocate(self, percent: usize, moved: &mut usize) -> Option<Entry> {
        match self.kind() {
            KIND_INT | KIND_EMBEDDED => {}
            KIND_LONG => self.relocate_long_string(percent, moved),
            kind => self.relocate_object(kind, percent, moved),
        }
        if !is_sparse(self.0.as_ptr(), percent) {
            return None;
        }
        let size = self.allocated();
        let layout = Entry::layout(size);
        let pointer = NonNull::new(unsafe { alloc(layout) })?;
        unsafe { ptr::copy_nonoverlapping(self.0.as_ptr(), pointer.as_ptr(), size) };
        self.free_allocation();
        *moved += 1;
        Some(Entry(pointer))
    }

    fn relocate_long_string(self, percent: usize, moved: &mut usize) {
        let offset = self.payload_offset();
        let bytes = std::mem::ManuallyDrop::new(self.read_at::<Vec<u8>>(offset));
        if bytes.capacity() > RELOCATED_BYTES_MAX || !is_sparse(bytes.as_ptr(), percent) {
            return;
        }
        let mut new = Vec::with_capacity(bytes.capacity());
        new.extend_from_slice(&bytes);
        self.write_at(offset, new);
        drop(std::mem::ManuallyDrop::into_inner(bytes));
        *moved += 1;
    }

    fn relocate_object(self, kind: u8, percent: usize, moved: &mut usize) {
        let offset = self.payload_offset();
        let pointer: *mut u8 = self.read_at(offset);
        let value = self.value();
        if !is_sparse(pointer, percent) || value.collection_bytes() > RELOCATED_BYTES_MAX {
            return;
        }
        let Some(copy) = value.clone_object() else { return };
        if copy.free_effort() <= types::FREE_EFFORT_INLINE_MAX {
            let (_, copied) = copy.into_raw();
            self.write_at(offset, copied);
            drop(unsafe { types::raw::into_object(kind, pointer) });
            *moved += 1;
        }
    }

    /// Asks the processor to load it.
    #[inline]
    pub(crate) fn prefetch(pointer: *const u8) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            _mm_prefetch::<_MM_HINT_T0>(pointer.cast());
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = pointer;
    }
}
