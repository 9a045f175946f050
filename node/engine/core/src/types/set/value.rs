//! The set: different members under one key, in no order.
//!
//! Few integers are an [`IntSet`]; a few short members of any kind are a packed list; everything else is a
//! [`FieldTable`] whose values are empty. A set moves on to the next form when it passes a limit of [`SetLimits`] and
//! never back, as with the peers, whose OBJECT ENCODING names are kept. Redis has the packed form since 7.2.

use super::int_set::IntSet;
use crate::base::numbers::parse_i64;
use crate::formats::packed::{self, Item, PackedList};
use crate::types::field_table::{self, FieldTable};

/// Members of the integer form in any case; above it, moving its bytes would take too long.
const INTS_MAX: usize = 1 << 20;

/// When a set leaves its small forms, and what its table is seeded with.
#[derive(Debug, Clone, Copy)]
pub struct SetLimits {
    /// Members of a set of integers: the directive `set-max-intset-entries`.
    pub ints_max: usize,
    /// Members of a packed set: the directive `set-max-listpack-entries`.
    pub packed_entries_max: usize,
    /// Bytes of a member of a packed set: the directive `set-max-listpack-value`.
    pub packed_value_bytes_max: usize,
    /// The secret of this process that keeps strangers from preparing members that collide.
    pub seed: u64,
}

impl Default for SetLimits {
    fn default() -> Self {
        SetLimits { ints_max: 512, packed_entries_max: 128, packed_value_bytes_max: 64, seed: 0 }
    }
}

#[derive(Clone)]
enum Repr {
    Ints(IntSet),
    Packed(PackedList),
    Table(Box<FieldTable>),
}

/// A set. See the module's documentation.
#[derive(Clone)]
pub struct Set {
    repr: Repr,
}

impl Default for Set {
    fn default() -> Self {
        Set { repr: Repr::Ints(IntSet::new()) }
    }
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Set::default()
    }

    /// An empty set with a table for this many members, each of which is to come by [`Set::add_expected`].
    pub fn with_table(len: usize, limits: &SetLimits) -> Self {
        Set { repr: Repr::Table(Box::new(FieldTable::with_capacity(limits.seed, len))) }
    }

    /// Adds one of many members and tells whether it is new.
    pub fn add_expected(&mut self, member: &[u8], limits: &SetLimits) -> bool {
        match &mut self.repr {
            Repr::Table(table) => table.insert_expected(member, b""),
            _ => self.add(member, limits),
        }
    }

    /// The set that these integers are.
    pub fn from_ints(ints: IntSet, limits: &SetLimits) -> Self {
        let mut set = Set { repr: Repr::Ints(ints) };
        set.hold_ints_to_limit(limits);
        set
    }

    /// The set that a packed list is; `None` where a member occurs twice.
    pub fn from_packed(list: PackedList, limits: &SetLimits) -> Option<Self> {
        if list.has_repetition(1) {
            return None;
        }
        let is_large = list.len() > limits.packed_entries_max;
        let mut set = Set { repr: Repr::Packed(list) };
        if is_large {
            set.become_table(limits.seed);
        }
        Some(set)
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Ints(ints) => ints.len(),
            Repr::Packed(list) => list.len(),
            Repr::Table(table) => table.len(),
        }
    }

    /// Whether there are no members; such a set is to be deleted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING gives.
    pub fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Ints(_) => "intset",
            Repr::Packed(_) => "listpack",
            Repr::Table(_) => "hashtable",
        }
    }

    /// The integer form, where the set has it: saved as it is.
    pub fn as_ints(&self) -> Option<&IntSet> {
        match &self.repr {
            Repr::Ints(ints) => Some(ints),
            _ => None,
        }
    }

    /// Bytes allocated, without the struct itself.
    pub fn memory_bytes(&self) -> usize {
        match &self.repr {
            Repr::Ints(ints) => ints.memory_bytes(),
            Repr::Packed(list) => list.memory_bytes(),
            Repr::Table(table) => table.memory_bytes(),
        }
    }

    /// The number of allocations that dropping it frees; above some dozens it is worth another thread.
    pub fn free_effort(&self) -> usize {
        match &self.repr {
            Repr::Table(table) => table.free_effort(),
            _ => 1,
        }
    }

    /// Whether it is a member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.repr {
            Repr::Ints(ints) => parse_i64(member).is_some_and(|number| ints.contains(number)),
            Repr::Packed(list) => list.first().is_some_and(|first| list.find(first, member, 0).is_some()),
            Repr::Table(table) => table.contains(member),
        }
    }

    /// Adds a member and tells whether it is new.
    pub fn add(&mut self, member: &[u8], limits: &SetLimits) -> bool {
        match &mut self.repr {
            Repr::Table(table) => table.insert(member, b""),
            Repr::Ints(ints) => {
                let Some(number) = parse_i64(member) else {
                    self.leave_ints(member, limits);
                    return self.add(member, limits);
                };
                let is_new = ints.insert(number);
                self.hold_ints_to_limit(limits);
                is_new
            }
            Repr::Packed(list) => {
                if list.first().is_some_and(|first| list.find(first, member, 0).is_some()) {
                    return false;
                }
                let fits = list.len() < limits.packed_entries_max
                    && member.len() <= limits.packed_value_bytes_max
                    && list.has_room(1, member.len());
                if fits {
                    list.push(member);
                    return true;
                }
                self.become_table(limits.seed);
                self.add(member, limits)
            }
        }
    }

    /// Removes a member and tells whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.repr {
            Repr::Ints(ints) => parse_i64(member).is_some_and(|number| ints.remove(number)),
            Repr::Packed(list) => match list.first().and_then(|first| list.find(first, member, 0)) {
                Some(at) => list.remove(at, 1) == 1,
                None => false,
            },
            Repr::Table(table) => table.remove(member),
        }
    }

    /// All members.
    pub fn iter(&self) -> Iter<'_> {
        match &self.repr {
            Repr::Ints(ints) => Iter::Ints(ints, 0),
            Repr::Packed(list) => Iter::Packed(list.iter()),
            Repr::Table(table) => Iter::Table(table.iter()),
        }
    }

    /// Hands at least `count` members to `visit`, beginning at `cursor` (0 at first), and gives the next cursor, which
    /// is 0 at the end. What stays in the set from the first call to the last is visited. A small form is visited
    /// whole.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'_>)) -> u64 {
        match &self.repr {
            Repr::Table(table) => table.scan(cursor, count, |member, _| visit(Item::Bytes(member))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// A member that every member has the same chance to be; `random` is a source of uniform numbers.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Item<'_>> {
        let mut below = |len: usize| random().checked_rem(len as u64).map(|index| index as usize);
        match &self.repr {
            Repr::Ints(ints) => ints.get(below(ints.len())?).map(Item::Integer),
            Repr::Packed(list) => list.get(list.seek(below(list.len())?)?),
            Repr::Table(table) => table.random(random).map(|(member, _)| Item::Bytes(member)),
        }
    }

    /// Leaves a small form if this many more members are given at once and pass its limit by themselves.
    pub fn prepare(&mut self, members: usize, limits: &SetLimits) {
        let is_passed = match &self.repr {
            Repr::Ints(_) => members > limits.ints_max,
            Repr::Packed(_) => members > limits.packed_entries_max,
            Repr::Table(_) => false,
        };
        if is_passed {
            self.become_table(limits.seed);
        }
    }

    /// Takes a form that can hold `member`, which is not an integer.
    fn leave_ints(&mut self, member: &[u8], limits: &SetLimits) {
        let Repr::Ints(ints) = &self.repr else { return };
        let fits = ints.len() < limits.packed_entries_max
            && ints.longest_text().max(member.len()) <= limits.packed_value_bytes_max;
        if !fits {
            return self.become_table(limits.seed);
        }
        let mut list = PackedList::new();
        ints.iter().for_each(|number| list.push(itoa::Buffer::new().format(number).as_bytes()));
        self.repr = Repr::Packed(list);
    }

    fn hold_ints_to_limit(&mut self, limits: &SetLimits) {
        if self.as_ints().is_some_and(|ints| ints.len() > limits.ints_max.min(INTS_MAX)) {
            self.become_table(limits.seed);
        }
    }

    fn become_table(&mut self, seed: u64) {
        let mut table = Box::new(FieldTable::new(seed));
        for member in self.iter() {
            table.insert(member.spell(&mut itoa::Buffer::new()), b"");
        }
        self.repr = Repr::Table(table);
    }
}

/// Walks over the members of a set.
#[derive(Clone)]
pub enum Iter<'a> {
    /// Of a set of integers, from this place on.
    Ints(&'a IntSet, usize),
    /// Of a packed one.
    Packed(packed::Iter<'a>),
    /// Of a table.
    Table(field_table::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Iter::Ints(ints, index) => {
                let number = ints.get(*index)?;
                *index += 1;
                Some(Item::Integer(number))
            }
            Iter::Packed(items) => items.next(),
            Iter::Table(entries) => entries.next().map(|(member, _)| Item::Bytes(member)),
        }
    }
}
