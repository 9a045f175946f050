//! The sorted set: different members with a score each, in ascending order of score and then of member.
//!
//! A small one is a packed list of member, score, member, score in this order: compact, and its bytes are those of
//! DUMP and RDB. A big one is two structures: a [`Tree`] that has the order and a [`FieldTable`] that knows the score of
//! each member. Members stand in both; with their scores in the short form ([`score`]) this takes less than one
//! allocation for each member would. A sorted set moves on to the big form when it passes a limit of
//! [`SortedSetLimits`] and never back, as with the peers, whose OBJECT ENCODING names are kept.

use super::edge::Edge;
use super::score::{self, Short};
use super::tree::{Ascent, Descent, Tree};
use crate::formats::packed::{self, Item, PackedList, Position};
use crate::types::field_table::FieldTable;

/// When a sorted set leaves the packed form, and what its table is seeded with.
#[derive(Debug, Clone, Copy)]
pub struct SortedSetLimits {
    /// Members of a packed sorted set: the directive `zset-max-listpack-entries`.
    pub packed_entries_max: usize,
    /// Bytes of a member of a packed sorted set: the directive `zset-max-listpack-value`.
    pub packed_value_bytes_max: usize,
    /// The secret of this process that keeps strangers from preparing members that collide.
    pub seed: u64,
}

impl Default for SortedSetLimits {
    fn default() -> Self {
        SortedSetLimits { packed_entries_max: 128, packed_value_bytes_max: 64, seed: 0 }
    }
}

impl SortedSetLimits {
    /// The limits for a result that is not stored yet. Only the big form knows minus zero, so a result is built in it,
    /// and [`fitted`](SortedSet::fitted) where it is stored: as in Redis, it is then answered with the sign.
    pub fn always_big(self) -> Self {
        SortedSetLimits { packed_entries_max: 0, ..self }
    }
}

/// The most bytes that the text of a score has.
const SCORE_TEXT_BYTES_MAX: usize = 32;

/// The big form.
#[derive(Clone)]
pub struct Big {
    tree: Tree,
    scores: FieldTable,
}

#[derive(Clone)]
enum Repr {
    Packed(PackedList),
    Big(Box<Big>),
}

/// A sorted set. See the module's documentation.
#[derive(Clone)]
pub struct SortedSet {
    repr: Repr,
}

impl Default for SortedSet {
    fn default() -> Self {
        SortedSet { repr: Repr::Packed(PackedList::new()) }
    }
}

impl SortedSet {
    /// An empty sorted set.
    pub fn new() -> Self {
        SortedSet::default()
    }

    /// The sorted set that a packed list of members and scores is, put in order if it is not; `None` where a score is
    /// missing or not a number, or a member occurs twice.
    pub fn from_packed(list: PackedList, limits: &SortedSetLimits) -> Option<Self> {
        if list.len() % 2 != 0 || list.has_repetition(2) {
            return None;
        }
        let is_ordered = is_ordered(&list)?;
        let set = SortedSet { repr: Repr::Packed(list) };
        if is_ordered && set.len() <= limits.packed_entries_max {
            return Some(set);
        }
        let mut ordered = match set.len() > limits.packed_entries_max {
            true => SortedSet::with_table(set.len(), limits),
            false => SortedSet::new(),
        };
        for (member, score) in set.ascend(0) {
            ordered.insert(member.spell(&mut itoa::Buffer::new()), score, limits);
        }
        Some(ordered)
    }

    /// The same elements in the packed form if they are within its limits.
    pub fn fitted(self, limits: &SortedSetLimits) -> Self {
        let is_short = |(member, _): (Item<'_>, f64)| member.len() <= limits.packed_value_bytes_max;
        if self.as_packed().is_some() || self.len() > limits.packed_entries_max || !self.iter().all(is_short)
        {
            return self;
        }
        let mut packed = SortedSet::new();
        for (member, score) in self.iter() {
            packed.insert(member.spell(&mut itoa::Buffer::new()), score, limits);
        }
        packed
    }

    /// An empty sorted set in the big form, with room for the scores of this many members, each of which is to come by
    /// [`SortedSet::insert_expected`].
    pub fn with_table(len: usize, limits: &SortedSetLimits) -> Self {
        let big = Big { tree: Tree::new(), scores: FieldTable::with_capacity(limits.seed, len) };
        SortedSet { repr: Repr::Big(Box::new(big)) }
    }

    /// Adds one of many members. False if it is there: the sorted set is then to be dropped.
    pub fn insert_expected(&mut self, member: &[u8], score: f64, limits: &SortedSetLimits) -> bool {
        match &mut self.repr {
            Repr::Big(big) => big.insert_expected(member, score),
            Repr::Packed(_) => self.insert(member, score, limits).is_none(),
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Packed(list) => list.len() / 2,
            Repr::Big(big) => big.scores.len(),
        }
    }

    /// Whether there are no members; such a sorted set is to be deleted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING gives.
    pub fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Packed(_) => "listpack",
            Repr::Big(_) => "skiplist",
        }
    }

    /// The packed form, where the sorted set has it: saved as it is.
    pub fn as_packed(&self) -> Option<&PackedList> {
        match &self.repr {
            Repr::Packed(list) => Some(list),
            Repr::Big(_) => None,
        }
    }

    /// Bytes allocated, without the struct itself.
    pub fn memory_bytes(&self) -> usize {
        match &self.repr {
            Repr::Packed(list) => list.memory_bytes(),
            Repr::Big(big) => {
                let own = crate::base::alloc::rounded(size_of::<Big>());
                own + big.tree.memory_bytes() + big.scores.memory_bytes()
            }
        }
    }

    /// The number of allocations that dropping it frees; above some dozens it is worth another thread.
    pub fn free_effort(&self) -> usize {
        match &self.repr {
            Repr::Packed(_) => 1,
            Repr::Big(big) => big.tree.free_effort() + big.scores.free_effort(),
        }
    }

    /// The score of a member.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.repr {
            Repr::Packed(list) => score_at(list, find(list, member)?),
            Repr::Big(big) => big.scores.get(member).map(score::from_short),
        }
    }

    /// Gives a member this score, which is not NaN; the score that it had, if it was there.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &SortedSetLimits) -> Option<f64> {
        let old = match &mut self.repr {
            Repr::Big(big) => return big.insert(member, score),
            Repr::Packed(list) => {
                let found = find(list, member);
                let old = found.and_then(|at| score_at(list, at));
                if old == Some(score) {
                    return old;
                }
                if let Some(at) = found {
                    list.remove(at, 2);
                }
                old
            }
        };
        if let Repr::Packed(list) = &mut self.repr {
            let is_new = old.is_none();
            let fits = list.len() / 2 < limits.packed_entries_max
                && member.len() <= limits.packed_value_bytes_max
                && list.has_room(2, member.len() + SCORE_TEXT_BYTES_MAX);
            if fits || (!is_new && list.has_room(2, member.len() + SCORE_TEXT_BYTES_MAX)) {
                put(list, member, score);
                return old;
            }
        }
        self.leave_packed(limits.seed);
        if let Repr::Big(big) = &mut self.repr {
            big.insert(member, score);
        }
        old
    }

    /// Removes a member; the score that it had, if it was there.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.repr {
            Repr::Packed(list) => {
                let at = find(list, member)?;
                let score = score_at(list, at);
                list.remove(at, 2);
                score
            }
            Repr::Big(big) => {
                let score = score::from_short(big.scores.get(member)?);
                big.tree.remove(score, member);
                big.scores.remove(member);
                Some(score)
            }
        }
    }

    /// Removes an element whose score is known.
    pub fn remove_element(&mut self, member: &[u8], score: f64) {
        match &mut self.repr {
            Repr::Packed(_) => {
                self.remove(member);
            }
            Repr::Big(big) => {
                big.tree.remove(score, member);
                big.scores.remove(member);
            }
        }
    }

    /// How many members stand before an edge.
    #[inline]
    pub fn rank(&self, edge: Edge<'_>) -> usize {
        match edge {
            Edge::Start => return 0,
            Edge::End => return self.len(),
            _ => {}
        }
        match &self.repr {
            Repr::Packed(list) => {
                let is_before = |(member, score): &(Item<'_>, f64)| {
                    let mut digits = itoa::Buffer::new();
                    let text = member.spell(&mut digits);
                    edge.is_behind(*score, || text)
                };
                pairs(list).take_while(is_before).count()
            }
            Repr::Big(big) => big.tree.rank(edge),
        }
    }

    /// The members with their scores, from the one of this rank on, upwards.
    pub fn ascend(&self, rank: usize) -> Iter<'_> {
        match &self.repr {
            Repr::Packed(list) => match list.seek(2 * rank) {
                Some(at) => Iter::PackedUp(list.iter_from(at)),
                None => Iter::PackedDown(list, None),
            },
            Repr::Big(big) => Iter::Up(big.tree.ascend(rank)),
        }
    }

    /// The members by ranges of scores, for those who look for several.
    pub fn ranges(&self) -> Ranges<'_> {
        match &self.repr {
            Repr::Packed(list) => Ranges::Packed(pairs(list).collect()),
            Repr::Big(_) => Ranges::Big(self),
        }
    }

    /// The members with their scores, from the one of this rank on, downwards.
    pub fn descend(&self, rank: usize) -> Iter<'_> {
        match &self.repr {
            Repr::Packed(list) => Iter::PackedDown(list, list.seek(2 * rank)),
            Repr::Big(big) => Iter::Down(big.tree.descend(rank)),
        }
    }

    /// All members with their scores, in ascending order.
    pub fn iter(&self) -> Iter<'_> {
        self.ascend(0)
    }

    /// Hands at least `count` members to `visit`, beginning at `cursor` (0 at first), and gives the next cursor, which
    /// is 0 at the end. What stays in the set from the first call to the last is visited. A packed set is visited
    /// whole.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'_>, f64)) -> u64 {
        match &self.repr {
            Repr::Packed(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Repr::Big(big) => big.scores.scan(cursor, count, |member, score| {
                visit(Item::Bytes(member), score::from_short(score));
            }),
        }
    }

    /// A member that every member has the same chance to be; `random` is a source of uniform numbers.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<(Item<'_>, f64)> {
        match &self.repr {
            Repr::Packed(list) => {
                let index = random().checked_rem(list.len() as u64 / 2)?;
                self.ascend(index as usize).next()
            }
            Repr::Big(big) => {
                let (member, score) = big.scores.random(random)?;
                Some((Item::Bytes(member), score::from_short(score)))
            }
        }
    }

    fn leave_packed(&mut self, seed: u64) {
        let Repr::Packed(list) = &self.repr else { return };
        let mut big = Box::new(Big { tree: Tree::new(), scores: FieldTable::new(seed) });
        for (member, score) in pairs(list) {
            big.insert(member.spell(&mut itoa::Buffer::new()), score);
        }
        self.repr = Repr::Big(big);
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        if let Repr::Big(big) = &self.repr {
            big.tree.check();
            assert_eq!(big.tree.len(), big.scores.len());
        }
    }
}

impl Big {
    /// Adds one of many elements; false if the member is there.
    fn insert_expected(&mut self, member: &[u8], score: f64) -> bool {
        let is_new = self.scores.insert_expected(member, Short::new(score).as_bytes());
        if is_new {
            self.tree.insert(score, member);
        }
        is_new
    }

    fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let old = self.scores.get(member).map(score::from_short);
        if old == Some(score) {
            return old;
        }
        if let Some(old) = old {
            self.tree.remove(old, member);
        }
        self.tree.insert(score, member);
        self.scores.insert(member, Short::new(score).as_bytes());
        old
    }
}

/// The place of a member.
fn find(list: &PackedList, member: &[u8]) -> Option<Position> {
    list.find(list.first()?, member, 1)
}

/// The score of the member at a place.
fn score_at(list: &PackedList, at: Position) -> Option<f64> {
    packed_score(list.get(list.next(at)?)?)
}

/// The score that an item is; `None` for what is not a number.
fn packed_score(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Integer(number) => Some(number as f64),
        Item::Bytes(text) => crate::base::numbers::parse_f64(text),
    }
}

/// Whether the elements are in order; `None` where a score is not a number.
fn is_ordered(list: &PackedList) -> Option<bool> {
    let (mut is_ordered, mut before): (bool, Option<(f64, Item<'_>)>) = (true, None);
    let mut items = list.iter();
    while let (Some(member), Some(score)) = (items.next(), items.next()) {
        let score = packed_score(score).filter(|score| !score.is_nan())?;
        if let Some((former_score, former)) = before {
            let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
            is_ordered &= former_score < score
                || former_score == score && former.spell(&mut first) < member.spell(&mut second);
        }
        before = Some((score, member));
    }
    Some(is_ordered)
}

/// Puts a new member where it belongs.
fn put(list: &mut PackedList, member: &[u8], score: f64) {
    // Minus zero becomes zero in the packed form, as with the peers.
    let text = if score == 0.0 { "0".to_owned() } else { score::text(score) };
    let mut digits = itoa::Buffer::new();
    let mut at = list.first();
    while let Some(here) = at {
        let Some(other) = list.get(here) else { break };
        let Some(behind) = list.next(here) else { break };
        let other_score = list.get(behind).and_then(packed_score).unwrap_or(f64::NAN);
        let text_of_other = other.spell(&mut digits);
        if !Edge::Element(score, member).is_behind(other_score, || text_of_other) {
            list.insert(here, text.as_bytes());
            list.insert(here, member);
            return;
        }
        at = list.next(behind);
    }
    list.push_pair(member, text.as_bytes());
}

fn pairs(list: &PackedList) -> impl Iterator<Item = (Item<'_>, f64)> {
    let mut items = list.iter();
    std::iter::from_fn(move || Some((items.next()?, items.next().and_then(packed_score)?)))
}

/// The members of a sorted set by ranges of scores: a packed one is read once, not once for each range.
pub enum Ranges<'a> {
    /// Of a packed one, with all its elements.
    Packed(Vec<(Item<'a>, f64)>),
    /// Of a big one.
    Big(&'a SortedSet),
}

impl<'a> Ranges<'a> {
    /// The members with at least this score, upwards.
    pub fn from_score<'s>(&'s self, score: f64) -> Iter<'s>
    where
        'a: 's,
    {
        match self {
            Ranges::Packed(elements) => {
                let first = elements.partition_point(|(_, other)| *other < score);
                Iter::Read(elements[first..].iter())
            }
            Ranges::Big(set) => set.ascend(set.rank(Edge::BeforeScore(score))),
        }
    }
}

/// Walks over members with their scores.
#[derive(Clone)]
pub enum Iter<'a> {
    /// Of a packed one, upwards.
    PackedUp(packed::Iter<'a>),
    /// Of elements that were read from a packed one.
    Read(std::slice::Iter<'a, (Item<'a>, f64)>),
    /// Of a packed one, downwards; none if there is no place.
    PackedDown(&'a PackedList, Option<Position>),
    /// Of a tree, upwards.
    Up(Ascent<'a>),
    /// Of a tree, downwards.
    Down(Descent<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let of_tree = |(score, member)| (Item::Bytes(member), score);
        let (list, place) = match self {
            Iter::Up(ascent) => return ascent.next().map(of_tree),
            Iter::Down(descent) => return descent.next().map(of_tree),
            Iter::PackedUp(items) => return Some((items.next()?, packed_score(items.next()?)?)),
            Iter::Read(elements) => return elements.next().copied(),
            Iter::PackedDown(list, place) => (list, place),
        };
        let at = (*place)?;
        let element = (list.get(at)?, packed_score(list.get(list.next(at)?)?)?);
        *place = list.previous(at).and_then(|score| list.previous(score));
        Some(element)
    }
}
