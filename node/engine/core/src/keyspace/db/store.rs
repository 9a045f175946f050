//! Writing: values, expiries, names. Every method lets the snapshots see the key before it changes.

use super::{Db, EntryRef, Garbage, Ttl, SLOTS_PER_GROUP};
use crate::keyspace::entry::{Content, Entry, Payload, EMBEDDED_BYTES_MAX};
use crate::keyspace::expiry;
use crate::keyspace::key::KeyRef;
use crate::types::{Object, ObjectMut, Value, ValueRef};

/// Longest string that stays embedded when it is changed in place; longer ones get room to grow.
const EMBEDDED_WHEN_CHANGED_BYTES_MAX: usize = 128;

impl Db {
    /// Stores a string, kept as an integer if it is one. Tells whether the key was there.
    #[inline]
    pub fn set_string(&mut self, key: &KeyRef<'_>, value: &[u8], ttl: Ttl, clock: u32) -> bool {
        self.store(key, string_payload(value), ttl, clock)
    }

    /// Stores an integer. Tells whether the key was there.
    #[inline]
    pub fn set_int(&mut self, key: &KeyRef<'_>, value: i64, ttl: Ttl, clock: u32) -> bool {
        self.store(key, Payload::Int(value), ttl, clock)
    }

    /// Stores a collection. Tells whether the key was there.
    pub fn set_object(&mut self, key: &KeyRef<'_>, object: Object, ttl: Ttl, clock: u32) -> bool {
        let has_due = object.as_value().next_due_ms().is_some();
        let (kind, pointer) = object.into_raw();
        let existed = self.store(key, Payload::Object(kind, pointer), ttl, clock);
        if has_due {
            self.elements_changed(key);
        }
        existed
    }

    /// Stores any value. Tells whether the key was there.
    pub fn set_value(&mut self, key: &KeyRef<'_>, value: Value, ttl: Ttl, clock: u32) -> bool {
        match value {
            Value::Int(value) => self.set_int(key, value, ttl, clock),
            Value::Object(object) => self.set_object(key, object, ttl, clock),
            Value::Bytes(bytes) if bytes.len() > EMBEDDED_BYTES_MAX => {
                self.store(key, Payload::Long(bytes), ttl, clock)
            }
            Value::Bytes(bytes) => self.set_string(key, &bytes, ttl, clock),
        }
    }

    /// Stores a string as the bytes it is, even if it looks like an integer. Tells whether the key was there.
    pub fn set_text(&mut self, key: &KeyRef<'_>, text: &[u8], ttl: Ttl, clock: u32) -> bool {
        self.store(key, text_payload(text), ttl, clock)
    }

    /// Stores what [`Db::take`] or [`EntryRef::to_content`] gave, as it was. Tells whether the key was there.
    pub fn set_content(&mut self, key: &KeyRef<'_>, content: Content, clock: u32) -> bool {
        let ttl = content.expire_at_ms.map_or(Ttl::Clear, Ttl::At);
        let existed = match content.value {
            Value::Bytes(bytes) if bytes.len() <= EMBEDDED_BYTES_MAX => {
                self.store(key, Payload::Embedded(&bytes), ttl, clock)
            }
            value => self.set_value(key, value, ttl, clock),
        };
        if content.is_modified {
            if let Some(position) = self.position(key) {
                position.entry().mark_modified();
            }
        }
        existed
    }

    fn store(&mut self, key: &KeyRef<'_>, payload: Payload<'_>, ttl: Ttl, clock: u32) -> bool {
        let Some(position) = self.position_to_change(key) else {
            let expiry = ttl.over(None);
            self.insert(key, Entry::new(key.bytes, payload, expiry, clock));
            return false;
        };
        self.elements_gone(key.bytes);
        let entry = position.entry();
        let old = entry.expire_at_ms();
        let new = ttl.over(old);
        let in_place = if old.is_some() == new.is_some() { entry.overwrite(payload) } else { Err(payload) };
        match in_place {
            Ok(replaced) => {
                entry.set_clock(clock);
                if let Some(at_ms) = new {
                    entry.overwrite_expiry(at_ms);
                }
                self.discard(replaced);
            }
            Err(payload) => {
                position.replace(Entry::new(key.bytes, payload, new, clock));
                let freed = entry.free();
                self.discard(freed);
            }
        }
        self.expiry_changed(key, old, new);
        true
    }

    fn insert(&mut self, key: &KeyRef<'_>, entry: Entry) {
        self.count_change();
        let place = usize::from(key.slot);
        let table = self.tables[place].get_or_insert_default();
        table.insert(key.hash, entry, key.slot, &self.hasher, &mut self.captures);
        self.len += 1;
        self.table_len[place] += 1;
        self.group_len[place / SLOTS_PER_GROUP] += 1;
        self.expiry_changed(key, None, entry.expire_at_ms());
    }

    #[inline]
    fn expiry_changed(&mut self, key: &KeyRef<'_>, old: Option<i64>, new: Option<i64>) {
        if old != new {
            self.move_expiry(key, old, new);
        }
    }

    fn move_expiry(&mut self, key: &KeyRef<'_>, old: Option<i64>, new: Option<i64>) {
        let item = expiry::item(key.hash, key.slot);
        let Some(table) = &mut self.tables[usize::from(key.slot)] else { return };
        if let Some(at_ms) = old {
            self.wheel.remove(item, at_ms);
            self.expiring -= 1;
            table.expiring -= 1;
            self.expiry_sum_ms -= i128::from(at_ms);
            table.expiry_sum_ms -= i128::from(at_ms);
        }
        if let Some(at_ms) = new {
            self.wheel.insert(item, at_ms);
            self.expiring += 1;
            table.expiring += 1;
            self.expiry_sum_ms += i128::from(at_ms);
            table.expiry_sum_ms += i128::from(at_ms);
        }
    }

    fn discard(&mut self, value: Option<Value>) {
        if let Some(value) = value.filter(Value::is_expensive_to_free) {
            self.garbage.push(Garbage::value(value));
        }
    }

    /// Changes a string as text, growing it at amortised cost; an integer becomes text. The expiry stays.
    /// Gives the new length, or `None` if the key is missing or holds no string.
    pub fn update_string(&mut self, key: &KeyRef<'_>, change: impl FnOnce(&mut Vec<u8>)) -> Option<usize> {
        let position = self.position_to_change(key)?;
        let entry = position.entry();
        if !entry.is_string() {
            return None;
        }
        if entry.is_long_string() {
            return entry.with_long_string(|bytes| {
                change(bytes);
                bytes.len()
            });
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        match entry.value() {
            ValueRef::Int(value) => text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            ValueRef::Bytes(bytes) => text.extend_from_slice(bytes),
            _ => {}
        }
        change(&mut text);
        let length = text.len();
        let payload = if length <= EMBEDDED_WHEN_CHANGED_BYTES_MAX {
            Payload::Embedded(&text)
        } else {
            Payload::Long(std::mem::take(&mut text))
        };
        if let Err(payload) = entry.overwrite(payload) {
            let changed = Entry::new(key.bytes, payload, entry.expire_at_ms(), entry.clock());
            position.replace(changed);
            entry.free();
            changed.mark_modified();
        } else {
            entry.mark_modified();
        }
        self.scratch = text;
        Some(length)
    }

    /// Makes a string's encoding `raw`, as a change in place does, an integer's too. What it holds stays the same, so
    /// that this is no change for snapshots or anybody else.
    pub fn make_raw(&mut self, key: &KeyRef<'_>) {
        let Some(position) = self.position(key) else { return };
        let entry = position.entry();
        let ValueRef::Int(value) = entry.value() else { return entry.mark_modified() };
        let mut digits = itoa::Buffer::new();
        let payload = Payload::Embedded(digits.format(value).as_bytes());
        let text = Entry::new(key.bytes, payload, entry.expire_at_ms(), entry.clock());
        text.mark_modified();
        position.replace(text);
        entry.free();
    }

    /// The bytes of a string, to be changed but not in number. `None` if there is no string, or an integer:
    /// then [`Db::update_string`] does it.
    pub fn string_bytes_mut(&mut self, key: &KeyRef<'_>) -> Option<&mut [u8]> {
        self.position_to_change(key)?.entry().string_bytes_mut()
    }

    /// The collection of a key, to be changed. `None` if the key is missing or holds a string. A collection that
    /// becomes empty is the caller's to delete.
    #[inline]
    pub fn object_mut(&mut self, key: &KeyRef<'_>) -> Option<ObjectMut<'_>> {
        self.position_to_change(key)?.entry().object_mut()
    }

    /// The same in one look-up with the entry, which `look` may look at and whose access clock it may set; `None` for
    /// a missing key, and nothing in it for a string, which is not taken as changed.
    #[inline]
    pub fn find_object_mut(
        &mut self,
        key: &KeyRef<'_>,
        look: impl FnOnce(EntryRef<'_>),
    ) -> Option<Option<ObjectMut<'_>>> {
        let position = self.position(key)?;
        let entry = position.entry();
        look(EntryRef::new(entry));
        if entry.is_string() {
            return Some(None);
        }
        self.count_change();
        position.before_change(key.slot, &mut self.captures);
        Some(entry.object_mut())
    }

    /// Sets or removes the expiry of a key. Tells whether the key is there.
    pub fn set_expiry(&mut self, key: &KeyRef<'_>, expire_at_ms: Option<i64>) -> bool {
        let Some(position) = self.position_to_change(key) else { return false };
        let entry = position.entry();
        let old = entry.expire_at_ms();
        match (old, expire_at_ms) {
            (None, None) => {}
            (Some(_), Some(at_ms)) => entry.overwrite_expiry(at_ms),
            _ => position.replace(entry.rebuild(None, expire_at_ms)),
        }
        self.expiry_changed(key, old, expire_at_ms);
        true
    }

    fn take_entry(&mut self, key: &KeyRef<'_>) -> Option<Entry> {
        let place = usize::from(key.slot);
        let table = self.tables.get_mut(place)?.as_deref_mut()?;
        let position = table.find(key.hash, key.bytes)?;
        let entry = table.remove(position, key.slot, &mut self.captures);
        self.count_change();
        self.len -= 1;
        self.table_len[place] -= 1;
        self.group_len[place / SLOTS_PER_GROUP] -= 1;
        self.expiry_changed(key, entry.expire_at_ms(), None);
        self.elements_gone(key.bytes);
        if self.table_len[place] == 0 && self.is_cluster() {
            self.tables[place] = None;
        }
        Some(entry)
    }

    /// Removes a key. Tells whether it was there. What takes long to free goes to the garbage.
    #[inline]
    pub fn delete(&mut self, key: &KeyRef<'_>) -> bool {
        let Some(entry) = self.take_entry(key) else { return false };
        let freed = entry.free();
        self.discard(freed);
        true
    }

    /// Removes a key and hands out what it held.
    pub fn take(&mut self, key: &KeyRef<'_>) -> Option<Content> {
        let entry = self.take_entry(key)?;
        let (expire_at_ms, is_modified) = (entry.expire_at_ms(), entry.is_modified());
        Some(Content { value: entry.into_value(), expire_at_ms, is_modified })
    }

    /// Gives a key another name, with its value (which is not copied), expiry and clock; a key of that name is
    /// replaced. Tells whether the key was there.
    pub fn rename(&mut self, from: &KeyRef<'_>, to: &KeyRef<'_>) -> bool {
        if from.bytes == to.bytes {
            return self.contains(from);
        }
        let Some(entry) = self.take_entry(from) else { return false };
        self.delete(to);
        let entry = entry.rebuild(Some(to.bytes), entry.expire_at_ms());
        self.insert(to, entry);
        self.elements_changed(to);
        true
    }
}

/// How a string is best stored.
fn string_payload(value: &[u8]) -> Payload<'_> {
    match canonical_int(value) {
        Some(integer) => Payload::Int(integer),
        None => text_payload(value),
    }
}

fn text_payload(text: &[u8]) -> Payload<'_> {
    if text.len() <= EMBEDDED_BYTES_MAX {
        Payload::Embedded(text)
    } else {
        Payload::Long(text.to_vec())
    }
}

/// The integer that a text is, if printing it again gives the same text.
#[inline]
fn canonical_int(text: &[u8]) -> Option<i64> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] if text.len() <= 20 => {
            let (is_negative, digits) = match text {
                [b'-', digits @ ..] => (true, digits),
                digits => (false, digits),
            };
            // Negative numbers reach one further, so the sum is kept negative.
            let negative = digits.iter().try_fold(0_i64, |sum, digit| {
                let digit = digit.wrapping_sub(b'0');
                if digit > 9 {
                    return None;
                }
                sum.checked_mul(10)?.checked_sub(i64::from(digit))
            })?;
            if is_negative {
                Some(negative)
            } else {
                negative.checked_neg()
            }
        }
        _ => None,
    }
}
