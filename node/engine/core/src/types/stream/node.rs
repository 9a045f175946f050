//! A node of a stream: some hundred entries in one packed list, the very bytes of the peers' RDB files.
//!
//! ```text
//! live  deleted  fields  name ... name  0        the master entry
//! flags  ms  seq         value ... value  items  an entry with the master's field names
//! flags  ms  seq  fields (name value) ... items  any other entry
//! ```
//!
//! An id is kept as its difference to the master's id, which is that of the first entry the node ever had. `items` is
//! the number of items before it in the entry, by which entries are walked backwards. Entries that are deleted stay
//! where they are with a flag, until the whole node goes.

use super::chunks::Keyed;
use super::Id;
use crate::formats::packed::{Item, Iter, PackedList, Position};

/// The entry is deleted.
const DELETED: i64 = 1;
/// The entry has the field names of the master entry.
const SAME_FIELDS: i64 = 2;
/// Flags, time and number of an entry.
const HEAD_ITEMS: usize = 3;

/// Entries of a stream that follow each other. See the module's documentation.
#[derive(Clone)]
pub struct Node {
    master: Id,
    list: PackedList,
}

impl Keyed for Node {
    fn id(&self) -> Id {
        self.master
    }
}

/// An entry as it lies in its node.
#[derive(Clone)]
pub struct Entry<'a> {
    /// Its id.
    pub id: Id,
    /// Its fields with their values.
    pub fields: Fields<'a>,
    at: Position,
    flags: i64,
}

impl Entry<'_> {
    fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }
}

/// Fields with their values, in the order in which they were given.
#[derive(Clone)]
pub struct Fields<'a> {
    names: Option<Iter<'a>>,
    items: Iter<'a>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next(),
            None => self.items.next(),
        };
        Some((name?, self.items.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// What the master entry says, and where the entries begin.
#[derive(Clone)]
struct Master<'a> {
    live: u64,
    deleted: u64,
    names: Iter<'a>,
    fields: usize,
    entries: Iter<'a>,
}

/// A number of fields, entries or items; `None` where the list does not hold one.
fn number(item: Option<Item<'_>>) -> Option<usize> {
    match item? {
        Item::Integer(number) => usize::try_from(number).ok(),
        Item::Bytes(_) => None,
    }
}

fn integer(item: Option<Item<'_>>) -> Option<i64> {
    match item? {
        Item::Integer(number) => Some(number),
        Item::Bytes(_) => None,
    }
}

impl Node {
    /// A node with one entry; `flat` are its fields and values in turn.
    pub fn new<'a>(id: Id, flat: impl Iterator<Item = &'a [u8]> + Clone, room_bytes: usize) -> Node {
        let fields = flat.clone().count() / 2;
        let mut list = PackedList::with_capacity(room_bytes);
        let names = flat.clone().step_by(2).map(Item::of);
        let head = [Item::Integer(0), Item::Integer(0), Item::Integer(fields as i64)];
        list.push_all(head.into_iter().chain(names).chain([Item::Integer(0)]));
        let mut node = Node { master: id, list };
        node.append(id, flat, fields);
        node
    }

    /// A node from outside, after every entry of it was looked at. Gives what is wrong otherwise.
    pub fn from_packed(master: Id, list: PackedList) -> Result<Node, &'static str> {
        let node = Node { master, list };
        node.check().ok_or("a node of a stream that is damaged").map(|()| node)
    }

    /// The bytes that RDB files have.
    pub fn as_bytes(&self) -> &[u8] {
        self.list.as_bytes()
    }

    /// Bytes of the entries.
    pub fn len_bytes(&self) -> usize {
        self.list.as_bytes().len()
    }

    /// Bytes allocated.
    pub fn memory_bytes(&self) -> usize {
        self.list.memory_bytes()
    }

    /// No entries will be added any more.
    pub fn finish(&mut self) {
        self.list.shrink();
    }

    /// The number of entries that are there, and of those that are deleted.
    pub fn counts(&self) -> (u64, u64) {
        let mut items = self.list.iter();
        let mut count = || integer(items.next()).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        (count(), count())
    }

    fn open(&self) -> Option<Master<'_>> {
        let mut items = self.list.iter();
        let live = number(items.next())? as u64;
        let deleted = number(items.next())? as u64;
        let fields = number(items.next())?;
        let names = items.clone();
        if !items.pass(fields) {
            return None;
        }
        (integer(items.next())? == 0).then_some(Master { live, deleted, names, fields, entries: items })
    }

    /// The entry that begins where `items` stands, which then stands behind it.
    fn entry<'a>(&self, master: &Master<'a>, items: &mut Iter<'a>) -> Option<Entry<'a>> {
        let at = items.place();
        let flags = integer(items.next())?;
        let ms = self.master.ms.wrapping_add_signed(integer(items.next())?);
        let seq = self.master.seq.wrapping_add_signed(integer(items.next())?);
        let is_same = flags & SAME_FIELDS != 0;
        let left = if is_same { master.fields } else { number(items.next())? };
        let names = is_same.then(|| master.names.clone());
        let fields = Fields { names, items: items.clone(), left };
        let passed = items.pass(if is_same { left } else { left.checked_mul(2)? }) && items.pass(1);
        passed.then_some(Entry { id: Id { ms, seq }, fields, at, flags })
    }

    /// Whether everything is as it should be.
    fn check(&self) -> Option<()> {
        let master = self.open()?;
        let mut items = master.entries.clone();
        let (mut live, mut deleted) = (0, 0);
        let mut last = None;
        while self.list.get(items.place()).is_some() {
            let start = items.clone();
            let entry = self.entry(&master, &mut items)?;
            if entry.flags & !(DELETED | SAME_FIELDS) != 0 {
                return None;
            }
            let is_same = entry.flags & SAME_FIELDS != 0;
            let own = if is_same { entry.fields.left } else { 2 * entry.fields.left + 1 };
            let mut end = start;
            end.pass(HEAD_ITEMS + own);
            if number(end.next())? != HEAD_ITEMS + own {
                return None;
            }
            if entry.is_deleted() {
                deleted += 1;
                continue;
            }
            if entry.id < self.master || last.is_some_and(|last| entry.id <= last) {
                return None;
            }
            last = Some(entry.id);
            live += 1;
        }
        ((live, deleted) == (master.live, master.deleted)).then_some(())
    }

    /// Adds an entry behind the last one; `flat` are its fields and values in turn.
    pub fn append<'a>(&mut self, id: Id, flat: impl Iterator<Item = &'a [u8]> + Clone, fields: usize) {
        let is_same = self.has_names(flat.clone().step_by(2), fields);
        let flags = if is_same { SAME_FIELDS } else { 0 };
        let head = [
            Item::Integer(flags),
            Item::Integer(id.ms.wrapping_sub(self.master.ms) as i64),
            Item::Integer(id.seq.wrapping_sub(self.master.seq) as i64),
        ];
        let fields = fields as i64;
        let head = head.into_iter();
        if is_same {
            let items = Item::Integer(fields + HEAD_ITEMS as i64);
            self.list.push_all(head.chain(flat.skip(1).step_by(2).map(Item::of)).chain([items]));
        } else {
            let items = Item::Integer(2 * fields + 1 + HEAD_ITEMS as i64);
            let head = head.chain([Item::Integer(fields)]);
            self.list.push_all(head.chain(flat.map(Item::of)).chain([items]));
        }
        let (live, _) = self.counts();
        if let Some(at) = self.list.first() {
            self.list.set_integer(at, live as i64 + 1);
        }
    }

    fn has_names<'a>(&self, names: impl Iterator<Item = &'a [u8]>, fields: usize) -> bool {
        let Some(master) = self.open() else { return false };
        master.fields == fields && master.names.zip(names).all(|(known, name)| known == Item::of(name))
    }

    /// The entries that are there, from the first on.
    pub fn entries(&self) -> Entries<'_> {
        let master = self.open();
        let items = master.as_ref().map(|master| master.entries.clone());
        Entries { node: self, master, items }
    }

    /// The entries that are there, from the last on.
    pub fn entries_back(&self) -> EntriesBack<'_> {
        EntriesBack { node: self, master: self.open(), end: self.list.last(), with_deleted: false }
    }

    /// Whether all entries have lower ids; those that are deleted count, too, unless only the others are looked at.
    pub fn is_below(&self, id: Id, only_live: bool) -> bool {
        let mut entries = self.entries_back();
        entries.with_deleted = !only_live;
        entries.next().is_none_or(|last| last.id < id)
    }

    /// Marks an entry as deleted. The last one that is there must not be deleted but goes with its node.
    pub fn delete(&mut self, id: Id) -> bool {
        let found = self.entries().take_while(|entry| entry.id <= id).find(|entry| entry.id == id);
        let Some((at, flags)) = found.map(|entry| (entry.at, entry.flags)) else { return false };
        self.list.set_integer(at, flags | DELETED);
        self.count_deleted(1);
        true
    }

    /// Marks entries from the first on as deleted while `goes` says so of their ids; gives their number.
    pub fn delete_front(&mut self, mut goes: impl FnMut(Id) -> bool) -> u64 {
        let mut marks = Vec::new();
        for entry in self.entries() {
            if !goes(entry.id) {
                break;
            }
            marks.push((entry.at, entry.flags | DELETED));
        }
        // A flag is as long with the mark as without, so the places stay.
        for (at, flags) in &marks {
            self.list.set_integer(*at, *flags);
        }
        self.count_deleted(marks.len() as u64);
        marks.len() as u64
    }

    fn count_deleted(&mut self, count: u64) {
        let (live, deleted) = self.counts();
        let Some(first) = self.list.first() else { return };
        self.list.set_integer(first, live.saturating_sub(count) as i64);
        if let Some(second) = self.list.next(first) {
            self.list.set_integer(second, (deleted + count) as i64);
        }
    }
}

/// Walks over the entries of a node.
pub struct Entries<'a> {
    node: &'a Node,
    master: Option<Master<'a>>,
    items: Option<Iter<'a>>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let entry = self.node.entry(self.master.as_ref()?, self.items.as_mut()?)?;
            if !entry.is_deleted() {
                return Some(entry);
            }
        }
    }
}

/// Walks over the entries of a node backwards.
pub struct EntriesBack<'a> {
    node: &'a Node,
    master: Option<Master<'a>>,
    /// The last item of the entry that comes next.
    end: Option<Position>,
    with_deleted: bool,
}

impl<'a> Iterator for EntriesBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let list = &self.node.list;
            let mut at = self.end?;
            let items = number(list.get(at))?;
            if items < HEAD_ITEMS {
                // The zero behind the master entry.
                return None;
            }
            for _ in 0..items {
                at = list.previous(at)?;
            }
            self.end = list.previous(at);
            let entry = self.node.entry(self.master.as_ref()?, &mut list.iter_from(at))?;
            if self.with_deleted || !entry.is_deleted() {
                return Some(entry);
            }
        }
    }
}
