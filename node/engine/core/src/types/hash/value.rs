//! The hash: fields with values under one key.
//!
//! A small hash is a packed list of field, value, field, value: compact, and its bytes are those of DUMP and RDB. A
//! hash with many fields or a long one is a [`FieldTable`]. A hash changes to the table when it passes a limit of
//! [`HashLimits`] and never back, as with the peers, whose OBJECT ENCODING names are kept.
//!
//! Single fields may expire: their times stand beside the representation ([`Dues`]). A hash does not look at the
//! time; whoever reads it on behalf of a client does so through [`Live`](super::live::Live), which hides what is past.

use crate::base::alloc::rounded;
use crate::formats::packed::{self, Item, PackedList};
use crate::types::field_table::{self, FieldTable};

use super::due::Dues;

/// When a hash leaves the packed form, and what its table is seeded with.
#[derive(Debug, Clone, Copy)]
pub struct HashLimits {
    /// Fields of a packed hash: the directive `hash-max-listpack-entries`.
    pub packed_entries_max: usize,
    /// Bytes of a field or a value in a packed hash: the directive `hash-max-listpack-value`.
    pub packed_value_bytes_max: usize,
    /// The secret of this process that keeps strangers from preparing fields that collide.
    pub seed: u64,
}

impl Default for HashLimits {
    fn default() -> Self {
        HashLimits { packed_entries_max: 512, packed_value_bytes_max: 64, seed: 0 }
    }
}

#[derive(Clone)]
enum Repr {
    Packed(PackedList),
    Table(Box<FieldTable>),
}

/// A hash. See the module's documentation.
#[derive(Clone)]
pub struct Hash {
    repr: Repr,
    /// When fields expire, if one does.
    dues: Option<Box<Dues>>,
}

impl Default for Hash {
    fn default() -> Self {
        Hash::new()
    }
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Hash { repr: Repr::Packed(PackedList::new()), dues: None }
    }

    /// An empty hash with a table for this many fields, each of which is to come by [`Hash::set_expected`].
    pub fn with_table(len: usize, limits: &HashLimits) -> Self {
        Hash { repr: Repr::Table(Box::new(FieldTable::with_capacity(limits.seed, len))), dues: None }
    }

    /// Sets one of many fields, which does not expire yet, and says whether it is new.
    pub fn set_expected(&mut self, field: &[u8], value: &[u8], limits: &HashLimits) -> bool {
        match &mut self.repr {
            Repr::Table(table) => table.insert_expected(field, value),
            Repr::Packed(_) => self.set_value(field, value, limits),
        }
    }

    /// The hash that a packed list of fields and values is; `None` where a field has no value or occurs twice.
    pub fn from_packed(list: PackedList, limits: &HashLimits) -> Option<Self> {
        let len = list.len();
        if len % 2 != 0 {
            return None;
        }
        if len / 2 > limits.packed_entries_max {
            let mut hash = Hash::with_table(len / 2, limits);
            for (field, value) in pairs(&list) {
                let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
                hash.set_expected(field.spell(&mut first), value.spell(&mut second), limits);
            }
            return (hash.len() == len / 2).then_some(hash);
        }
        (!list.has_repetition(2)).then_some(Hash { repr: Repr::Packed(list), dues: None })
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Packed(list) => list.len() / 2,
            Repr::Table(table) => table.len(),
        }
    }

    /// Whether there is no field; such a hash is to be deleted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING gives.
    pub fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Packed(_) if self.dues.is_some() => "listpackex",
            Repr::Packed(_) => "listpack",
            Repr::Table(_) => "hashtable",
        }
    }

    /// The packed form, where the hash has it: saved as it is.
    pub fn as_packed(&self) -> Option<&PackedList> {
        match &self.repr {
            Repr::Packed(list) => Some(list),
            Repr::Table(_) => None,
        }
    }

    /// Bytes allocated, without the struct itself.
    pub fn memory_bytes(&self) -> usize {
        let dues = self.dues.as_ref().map_or(0, |dues| rounded(size_of::<Dues>()) + dues.memory_bytes());
        dues + match &self.repr {
            Repr::Packed(list) => list.memory_bytes(),
            Repr::Table(table) => table.memory_bytes(),
        }
    }

    /// The number of allocations that dropping it frees; above some dozens it is worth another thread.
    pub fn free_effort(&self) -> usize {
        let dues = self.dues.as_ref().map_or(0, |dues| dues.free_effort());
        dues + match &self.repr {
            Repr::Packed(_) => 1,
            Repr::Table(table) => table.free_effort(),
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Item<'_>> {
        match &self.repr {
            Repr::Packed(list) => {
                let at = list.find(list.first()?, field, 1)?;
                list.get(list.next(at)?)
            }
            Repr::Table(table) => table.get(field).map(Item::Bytes),
        }
    }

    /// Whether the field is there.
    pub fn contains(&self, field: &[u8]) -> bool {
        match &self.repr {
            Repr::Packed(list) => list.first().is_some_and(|first| list.find(first, field, 1).is_some()),
            Repr::Table(table) => table.contains(field),
        }
    }

    /// Sets a field, which then does not expire, and says whether it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &HashLimits) -> bool {
        self.clear_due(field);
        self.set_value(field, value, limits)
    }

    /// Sets a field, which expires when it did before, and says whether it is new.
    pub fn set_value(&mut self, field: &[u8], value: &[u8], limits: &HashLimits) -> bool {
        self.prepare([field, value], limits);
        let list = match &mut self.repr {
            Repr::Table(table) => return table.insert(field, value),
            Repr::Packed(list) => list,
        };
        let found = list.first().and_then(|first| list.find(first, field, 1));
        if let Some(at) = found.and_then(|at| list.next(at)) {
            list.replace(at, value);
            return false;
        }
        list.push_pair(field, value);
        if list.len() / 2 > limits.packed_entries_max {
            self.leave_packed(limits.seed);
        }
        true
    }

    /// When a field expires, in milliseconds since 1970.
    pub fn due(&self, field: &[u8]) -> Option<i64> {
        self.dues.as_ref()?.get(field)
    }

    /// When the first field expires.
    pub fn next_due(&self) -> Option<i64> {
        self.dues.as_ref()?.first()
    }

    /// Whether a field expires.
    pub fn has_dues(&self) -> bool {
        self.dues.is_some()
    }

    /// A field, which is there, expires at this time.
    pub fn set_due(&mut self, field: &[u8], at_ms: i64, limits: &HashLimits) {
        self.dues.get_or_insert_with(|| Box::new(Dues::new(limits.seed))).set(field, at_ms);
    }

    /// A field expires no more; says whether it did.
    pub fn clear_due(&mut self, field: &[u8]) -> bool {
        let Some(dues) = &mut self.dues else { return false };
        let was_there = dues.remove(field);
        if dues.is_empty() {
            self.dues = None;
        }
        was_there
    }

    /// The next field whose time has come.
    pub fn next_expired(&self, now_ms: i64) -> Option<&[u8]> {
        self.dues.as_ref()?.next_expired(now_ms)
    }

    /// Removes a field and says whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.clear_due(field);
        match &mut self.repr {
            Repr::Packed(list) => {
                let Some(at) = list.first().and_then(|first| list.find(first, field, 1)) else {
                    return false;
                };
                list.remove(at, 2) == 2
            }
            Repr::Table(table) => table.remove(field),
        }
    }

    /// Leaves the packed form if one of these strings is too long for it, before any of them is set.
    pub fn prepare<'a>(&mut self, strings: impl IntoIterator<Item = &'a [u8]>, limits: &HashLimits) {
        let Repr::Packed(list) = &self.repr else { return };
        let (mut entries, mut bytes) = (0, 0_usize);
        let mut too_long = false;
        for string in strings {
            too_long |= string.len() > limits.packed_value_bytes_max;
            entries += 1;
            bytes = bytes.saturating_add(string.len());
        }
        if too_long || !list.has_room(entries, bytes) {
            self.leave_packed(limits.seed);
        }
    }

    /// All fields with their values.
    pub fn iter(&self) -> Iter<'_> {
        match &self.repr {
            Repr::Packed(list) => Iter::Packed(list.iter()),
            Repr::Table(table) => Iter::Table(table.iter()),
        }
    }

    /// Hands at least `count` entries to `visit`, beginning at `cursor` (0 at first), and gives the next cursor, which
    /// is 0 at the end. What stays in the hash from the first call to the last is visited. A packed hash is visited
    /// whole.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'_>, Item<'_>)) -> u64 {
        match &self.repr {
            Repr::Packed(list) => {
                pairs(list).for_each(|(field, value)| visit(field, value));
                0
            }
            Repr::Table(table) => table.scan(cursor, count, |field, value| {
                visit(Item::Bytes(field), Item::Bytes(value));
            }),
        }
    }

    /// An entry that every entry has the same chance to be; `random` is a source of uniform numbers.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<(Item<'_>, Item<'_>)> {
        match &self.repr {
            Repr::Packed(list) => {
                let pair = random().checked_rem(list.len() as u64 / 2)?;
                let field = list.seek(2 * pair as usize)?;
                Some((list.get(field)?, list.get(list.next(field)?)?))
            }
            Repr::Table(table) => {
                table.random(random).map(|(field, value)| (Item::Bytes(field), Item::Bytes(value)))
            }
        }
    }

    fn leave_packed(&mut self, seed: u64) {
        let Repr::Packed(list) = &self.repr else { return };
        let mut table = Box::new(FieldTable::new(seed));
        for (field, value) in pairs(list) {
            let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
            table.insert(field.spell(&mut first), value.spell(&mut second));
        }
        self.repr = Repr::Table(table);
    }
}

/// The entries of a list two by two.
fn pairs(list: &PackedList) -> impl Iterator<Item = (Item<'_>, Item<'_>)> {
    let mut items = list.iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

/// Walks over the entries of a hash.
pub enum Iter<'a> {
    /// Of a packed one.
    Packed(packed::Iter<'a>),
    /// Of a table.
    Table(field_table::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Packed(items) => Some((items.next()?, items.next()?)),
            Iter::Table(entries) => {
                entries.next().map(|(field, value)| (Item::Bytes(field), Item::Bytes(value)))
            }
        }
    }
}
