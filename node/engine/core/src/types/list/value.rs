//! The list: elements in order, pushed and taken at both ends.
//!
//! A list is a row of nodes, each a [`PackedRun`] of elements up to a limit of [`ListLimits`]. So an element costs two
//! bytes beside its own, both ends are reached at once, and a change in the middle moves the bytes of one node. An
//! element above the limit is a node of its own. The limits are those of the peers, so a list that was made by pushing has
//! the nodes that theirs has, and the same bytes in DUMP.
//!
//! `list-compress-depth` changes nothing: nodes in the middle are never compressed.

use super::nodes::{Nodes, Place};
use crate::formats::packed::run::{PackedRun, RunIter, RunIterBack};
use crate::formats::packed::Item;

/// Bytes of a node by the setting's negative values, from -1 to -5.
const NODE_BYTES: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];
/// Bytes of a node where its limit is a number of elements.
const COUNTED_NODE_BYTES_MAX: usize = 8192;
/// What a packed list has beside its entries.
const PACKED_FRAME_BYTES: usize = 7;
/// What an entry is taken to cost beside its string, as the peers estimate it.
const ENTRY_OVERHEAD_BYTES: usize = 8;

/// An element from this length on is not written as a packed list in RDB and DUMP, as the peers refuse it.
pub(super) const ENTRY_PLAIN_BYTES_MIN: usize = 1 << 30;

/// One of the ends of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The head.
    Left,
    /// The tail.
    Right,
}

/// How large a node may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimits {
    /// Elements of a node, or by negative values its bytes: the directive `list-max-listpack-size`.
    pub node_size: i64,
}

impl Default for ListLimits {
    fn default() -> Self {
        ListLimits { node_size: -2 }
    }
}

impl ListLimits {
    /// The limits of this value of `list-max-listpack-size`.
    pub fn new(node_size: i64) -> Self {
        ListLimits { node_size: node_size.clamp(-5, i64::from(i16::MAX)) }
    }

    /// Bytes of a node in packed form, and its elements.
    fn node_max(self) -> (usize, usize) {
        match usize::try_from(self.node_size) {
            Ok(elements) => (COUNTED_NODE_BYTES_MAX, elements),
            Err(_) => {
                let index = (self.node_size.unsigned_abs() as usize).clamp(1, NODE_BYTES.len()) - 1;
                (NODE_BYTES[index], usize::MAX)
            }
        }
    }

    /// Whether an element may join these.
    pub(super) fn allow(self, run: &PackedRun, text_len: usize) -> bool {
        let (bytes, elements) = self.node_max();
        let with_it = run.byte_len() + PACKED_FRAME_BYTES + ENTRY_OVERHEAD_BYTES;
        with_it.saturating_add(text_len) <= bytes && run.len() < elements
    }

    /// Whether a whole node may be taken over as it is.
    pub(super) fn allow_node(self, run: &PackedRun) -> bool {
        let (bytes, elements) = self.node_max();
        run.len() == 1 || (run.byte_len() + PACKED_FRAME_BYTES <= bytes && run.len() <= elements)
    }

    /// Whether an element may take the place of the one with this index.
    fn allow_instead(self, run: &PackedRun, index: usize, text_len: usize) -> bool {
        let old = run.seek(index).and_then(|at| run.get(at)).map_or(0, |item| item.len());
        let grown = run.byte_len() + PACKED_FRAME_BYTES + ENTRY_OVERHEAD_BYTES + text_len;
        run.len() == 1 || grown <= self.node_max().0 + old
    }

    fn allow_joined(self, one: &PackedRun, other: &PackedRun) -> bool {
        let (bytes, elements) = self.node_max();
        one.byte_len() + other.byte_len() + PACKED_FRAME_BYTES <= bytes && one.len() + other.len() <= elements
    }
}

/// A list. See the module's documentation.
#[derive(Debug, Clone)]
pub struct List {
    nodes: Nodes,
}

impl Default for List {
    fn default() -> Self {
        List::new()
    }
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        List { nodes: Nodes::One(PackedRun::default()) }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no element; such a list is to be deleted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated, without the struct itself.
    pub fn memory_bytes(&self) -> usize {
        self.nodes.memory_bytes()
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.count()
    }

    /// Bytes of all nodes in packed form.
    pub fn packed_bytes(&self) -> usize {
        self.nodes_from(0).map(|run| run.byte_len() + PACKED_FRAME_BYTES).sum()
    }

    /// The nodes from this number on, in order.
    pub(super) fn nodes_from(&self, number: usize) -> impl Iterator<Item = &PackedRun> {
        let mut place = self.nodes.nth(number);
        std::iter::from_fn(move || {
            let at = place?;
            place = self.nodes.next(at);
            self.nodes.get(at)
        })
    }

    /// The element at one of the ends.
    pub fn end(&self, end: End) -> Option<Item<'_>> {
        match end {
            End::Left => self.nodes.get(self.nodes.first())?.front(),
            End::Right => self.nodes.get(self.nodes.last())?.back(),
        }
    }

    /// The element with this index.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        let (place, at) = self.nodes.find(index)?;
        let run = self.nodes.get(place)?;
        run.get(run.seek(at)?)
    }

    /// The elements from this index on.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        match self.nodes.find(index) {
            Some((place, at)) => {
                Iter { list: self, place, run: self.nodes.get(place).map(|run| run.iter_from(at)) }
            }
            None => Iter { list: self, place: self.nodes.last(), run: None },
        }
    }

    /// The elements from first to last.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// The elements from last to first.
    pub fn iter_back(&self) -> IterBack<'_> {
        let place = self.nodes.last();
        IterBack { list: self, place, run: self.nodes.get(place).map(back) }
    }

    /// Adds an element at one of the ends.
    pub fn push(&mut self, end: End, text: &[u8], limits: ListLimits) {
        let place = self.place_of(end);
        let is_roomy =
            self.nodes.get(place).is_some_and(|run| run.is_empty() || limits.allow(run, text.len()));
        if is_roomy {
            self.nodes.change(place, |run| push_to(run, end, text));
            return;
        }
        let mut run = PackedRun::default();
        run.push_back(text);
        match end {
            End::Left => self.nodes.push_front(run),
            End::Right => self.nodes.push_back(run),
        }
    }

    /// Adds a whole node at the right end, or its elements where the node is too large to stay one.
    pub(super) fn push_node(&mut self, run: PackedRun, limits: ListLimits) {
        if run.is_empty() {
            return;
        }
        if limits.allow_node(&run) {
            return self.nodes.push_back(run);
        }
        for item in run.iter() {
            self.push(End::Right, item.spell(&mut itoa::Buffer::new()), limits);
        }
    }

    /// Removes up to `count` elements at one of the ends.
    pub fn remove_end(&mut self, end: End, count: usize) {
        let mut left = count.min(self.len());
        while left > 0 {
            let place = self.place_of(end);
            let here = self.nodes.get(place).map_or(0, PackedRun::len);
            if here <= left {
                self.nodes.remove(place);
                left -= here;
                continue;
            }
            self.nodes.change(place, |run| match end {
                End::Left => run.remove_front(left),
                End::Right => run.remove_back(left),
            });
            return;
        }
    }

    /// Puts another element in the place of the one with this index; false when there is none.
    pub fn set(&mut self, index: usize, text: &[u8], limits: ListLimits) -> bool {
        let Some((place, at)) = self.nodes.find(index) else { return false };
        let fits = self.nodes.get(place).is_some_and(|run| limits.allow_instead(run, at, text.len()));
        self.nodes.change(place, |run| if fits { run.replace(at, text) } else { run.remove(at) });
        if !fits {
            self.insert(index, text, limits);
        }
        true
    }

    /// Adds an element that gets this index: at most the length.
    pub fn insert(&mut self, index: usize, text: &[u8], limits: ListLimits) {
        match self.nodes.find(index) {
            Some((place, at)) => self.insert_at(place, at, text, limits),
            None => self.push(End::Right, text, limits),
        }
    }

    /// Adds an element beside the first one that equals `pivot`; false when there is none.
    pub fn insert_beside(&mut self, pivot: &[u8], behind: bool, text: &[u8], limits: ListLimits) -> bool {
        let mut place = Some(self.nodes.first());
        while let Some(at) = place {
            let mut found = None;
            if let Some(run) = self.nodes.get(at) {
                run.matches(pivot, usize::MAX, |_, index| {
                    found = Some(index);
                    false
                });
            }
            if let Some(index) = found {
                self.insert_at(at, index + usize::from(behind), text, limits);
                return true;
            }
            place = self.nodes.next(at);
        }
        false
    }

    /// Visits the indices of the elements that equal `text`, from the end `from` on; looks at `max` elements at most,
    /// and stops where `visit` says false.
    pub fn positions(&self, text: &[u8], from: End, max: usize, mut visit: impl FnMut(usize) -> bool) {
        let (mut place, mut left, mut passed) = (Some(self.place_of(from)), max, 0);
        let mut goes_on = true;
        while let (true, true, Some(run)) = (goes_on, left > 0, place.and_then(|at| self.nodes.get(at))) {
            match from {
                End::Left => run.matches(text, left, |_, index| {
                    goes_on = visit(passed + index);
                    goes_on
                }),
                End::Right => run.matches_back(text, left, |_, index| {
                    goes_on = visit(self.len() - passed - run.len() + index);
                    goes_on
                }),
            }
            passed += run.len();
            left = left.saturating_sub(run.len());
            place = place.and_then(|at| self.beside(at, from));
        }
    }

    /// Removes up to `count` elements that equal `text`, from the end `from` on; tells how many.
    pub fn remove_equal(&mut self, text: &[u8], from: End, count: usize) -> usize {
        let (mut place, mut removed) = (Some(self.place_of(from)), 0);
        while let (true, Some(at)) = (removed < count, place) {
            let mut found = Vec::new();
            let mut note = |position, _| {
                found.push(position);
                removed + found.len() < count
            };
            match (self.nodes.get(at), from) {
                (Some(run), End::Left) => run.matches(text, usize::MAX, &mut note),
                (Some(run), End::Right) => {
                    run.matches_back(text, usize::MAX, &mut note);
                    found.reverse();
                }
                (None, _) => return removed,
            }
            place = self.beside(at, from);
            removed += found.len();
            let is_empty = self.nodes.change(at, |run| {
                run.remove_all(&found);
                run.is_empty()
            });
            if is_empty == Some(true) && !self.is_empty() {
                place = self.remove_node(at, from);
            }
        }
        removed
    }

    /// Keeps the elements with the indices `start..end` only.
    pub fn keep(&mut self, start: usize, end: usize) {
        let len = self.len();
        let end = end.min(len);
        self.remove_end(End::Right, len - end.max(start.min(len)));
        self.remove_end(End::Left, start.min(len));
    }

    fn place_of(&self, end: End) -> Place {
        match end {
            End::Left => self.nodes.first(),
            End::Right => self.nodes.last(),
        }
    }

    /// The next node when walking from the end `from`.
    fn beside(&self, at: Place, from: End) -> Option<Place> {
        match from {
            End::Left => self.nodes.next(at),
            End::Right => self.nodes.previous(at),
        }
    }

    /// Removes a node of several while walking from the end `from`; gives the place to go on.
    fn remove_node(&mut self, at: Place, from: End) -> Option<Place> {
        // Behind a removed node another moves to its place; before it, nothing moves.
        let (before, has_next) = (self.nodes.previous(at), self.nodes.next(at).is_some());
        self.nodes.remove(at);
        match from {
            End::Right => before,
            End::Left if !has_next => None,
            End::Left => match before {
                Some(before) => self.nodes.next(before),
                None => Some(self.nodes.first()),
            },
        }
    }

    fn insert_at(&mut self, place: Place, at: usize, text: &[u8], limits: ListLimits) {
        let Some(run) = self.nodes.get(place) else { return };
        if limits.allow(run, text.len()) {
            self.nodes.change(place, |run| run.insert(at, text));
            return;
        }
        let len = run.len();
        let roomy = |place: &Place| self.nodes.get(*place).is_some_and(|run| limits.allow(run, text.len()));
        let (before, behind) = (self.nodes.previous(place), self.nodes.next(place));
        if let (0, Some(before)) = (at, before.filter(roomy)) {
            self.nodes.change(before, |run| run.push_back(text));
        } else if let (true, Some(behind)) = (at == len, behind.filter(roomy)) {
            self.nodes.change(behind, |run| run.push_front(text));
        } else {
            self.insert_by_split(place, at, text, limits);
        }
    }

    /// Splits a node that is full, so that the element finds its place between the halves.
    fn insert_by_split(&mut self, place: Place, at: usize, text: &[u8], limits: ListLimits) {
        let mut alone = PackedRun::default();
        alone.push_back(text);
        if at == 0 {
            match self.nodes.previous(place) {
                Some(before) => _ = self.nodes.insert_behind(before, alone),
                None => self.nodes.push_front(alone),
            }
            return;
        }
        let mut behind = self.nodes.change(place, |run| run.split_off(at)).unwrap_or_default();
        let mut place = place;
        if self.nodes.get(place).is_some_and(|run| limits.allow(run, text.len())) {
            self.nodes.change(place, |run| run.push_back(text));
        } else if limits.allow(&behind, text.len()) {
            behind.push_front(text);
        } else {
            // The last first, so that both stand behind the same place.
            if !behind.is_empty() {
                place = self.nodes.insert_behind(place, std::mem::take(&mut behind));
            }
            place = self.nodes.insert_behind(place, alone);
        }
        if !behind.is_empty() {
            place = self.nodes.insert_behind(place, behind);
        }
        self.join_before(place, limits);
    }

    /// Joins a node with the one before it where both fit into one, so that splitting leaves no crumbs.
    fn join_before(&mut self, place: Place, limits: ListLimits) {
        let Some(before) = self.nodes.previous(place) else { return };
        let (Some(one), Some(other)) = (self.nodes.get(before), self.nodes.get(place)) else { return };
        if limits.allow_joined(one, other) {
            let other = other.clone();
            self.nodes.change(before, |run| run.append(&other));
            self.nodes.remove(place);
        }
    }
}

fn push_to(run: &mut PackedRun, end: End, text: &[u8]) {
    match end {
        End::Left => run.push_front(text),
        End::Right => run.push_back(text),
    }
}

fn back(run: &PackedRun) -> RunIterBack<'_> {
    run.iter_back_from(run.len().saturating_sub(1))
}

/// Walks over the elements of a list.
#[derive(Clone)]
pub struct Iter<'a> {
    list: &'a List,
    place: Place,
    run: Option<RunIter<'a>>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            if let Some(item) = self.run.as_mut()?.next() {
                return Some(item);
            }
            self.place = self.list.nodes.next(self.place)?;
            self.run = self.list.nodes.get(self.place).map(PackedRun::iter);
        }
    }
}

/// Walks over the elements of a list backwards.
#[derive(Clone)]
pub struct IterBack<'a> {
    list: &'a List,
    place: Place,
    run: Option<RunIterBack<'a>>,
}

impl<'a> Iterator for IterBack<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            if let Some(item) = self.run.as_mut()?.next() {
                return Some(item);
            }
            self.place = self.list.nodes.previous(self.place)?;
            self.run = self.list.nodes.get(self.place).map(back);
        }
    }
}
