//! The order of a big sorted set: a B-tree that counts.
//!
//! The leaves hold the elements themselves ([`Leaf`]), so that a range is read from memory that lies together, and a
//! node above keeps for each child its number of elements and the score of its first one. The number makes ranks
//! cheap; the score decides nearly always which child is next without a look into it, and where scores are equal
//! the child's first member does.
//!
//! A leaf is divided when it has grown beyond its size and joined with a neighbour when it has shrunk; neither
//! touches more than one node on each level.

use super::edge::Edge;
use super::leaf::{Element, Leaf, JOINED_BYTES_MAX, LEAF_BYTES_MAX, LEAF_BYTES_MIN};
use crate::base::alloc::rounded;

/// Children of a node, at most.
const CHILDREN_MAX: usize = 64;
/// A node with fewer children is joined with a neighbour if there is room.
const CHILDREN_MIN: usize = CHILDREN_MAX / 4;
/// Nodes are joined up to this number of children.
const JOINED_CHILDREN_MAX: usize = CHILDREN_MAX * 3 / 4;
/// A node gets room for this many more children at a time.
const CHILDREN_STEP: usize = 8;

#[derive(Clone)]
enum Node {
    Leaf(Leaf),
    Inner(Box<Inner>),
}

/// A node above the leaves. The three lists run beside each other, so that each search reads only what it needs.
#[derive(Clone, Default)]
struct Inner {
    first_scores: Vec<f64>,
    lens: Vec<usize>,
    nodes: Vec<Node>,
}

/// What a tree has allocated.
#[derive(Clone, Copy, Default)]
struct Account {
    bytes: usize,
    allocations: usize,
}

/// Elements in ascending order of score and member.
pub(super) struct Tree {
    root: Node,
    account: Account,
}

impl Tree {
    pub(super) fn new() -> Self {
        Tree { root: Node::Leaf(Leaf::default()), account: Account::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.root.len()
    }

    /// Bytes allocated, as the allocator rounds them, without the struct itself.
    pub(super) fn memory_bytes(&self) -> usize {
        self.account.bytes
    }

    /// The number of allocations that dropping it frees.
    pub(super) fn free_effort(&self) -> usize {
        self.account.allocations
    }

    /// Adds an element that is not there.
    pub(super) fn insert(&mut self, score: f64, member: &[u8]) {
        if let Some(right) = self.root.insert(score, member, &mut self.account) {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Leaf::default()));
            let mut inner = Inner::default();
            inner.put(0, left);
            inner.put(1, right);
            self.account.open(&inner);
            self.root = Node::Inner(Box::new(inner));
        }
    }

    /// Removes an element and says whether it was there.
    pub(super) fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        let is_removed = self.root.remove(score, member, &mut self.account);
        while let Node::Inner(inner) = &mut self.root {
            if inner.nodes.len() > 1 {
                break;
            }
            self.account.close(inner);
            self.root = inner.nodes.pop().unwrap_or(Node::Leaf(Leaf::default()));
        }
        is_removed
    }

    /// The number of elements before an edge.
    pub(super) fn rank(&self, edge: Edge<'_>) -> usize {
        let (mut rank, mut node) = (0, &self.root);
        while let Node::Inner(inner) = node {
            let child = inner.child_before(edge);
            rank += inner.lens[..child].iter().sum::<usize>();
            node = &inner.nodes[child];
        }
        match node {
            Node::Leaf(leaf) => rank + leaf.seek_edge(edge).0,
            Node::Inner(_) => rank,
        }
    }

    /// The elements from the one of this rank on, upwards.
    pub(super) fn ascend(&self, rank: usize) -> Ascent<'_> {
        let (above, leaf, index) = self.path(rank);
        Ascent { above, at: leaf.seek(index), leaf }
    }

    /// The elements from the one of this rank on, downwards; none if there is no such rank.
    pub(super) fn descend(&self, rank: usize) -> Descent<'_> {
        let (above, leaf, index) = self.path(rank);
        let mut descent = Descent { above, leaf, places: Vec::new() };
        descent.enter(leaf);
        descent.places.truncate(if rank < self.len() { index + 1 } else { 0 });
        if rank >= self.len() {
            descent.above.clear();
        }
        descent
    }

    /// The way to the element of a rank: nodes with the child taken, the leaf, and the index in it.
    fn path(&self, mut rank: usize) -> (Vec<(&Inner, usize)>, &Leaf, usize) {
        let (mut above, mut node) = (Vec::new(), &self.root);
        loop {
            match node {
                Node::Leaf(leaf) => return (above, leaf, rank),
                Node::Inner(inner) => {
                    let mut child = 0;
                    while child + 1 < inner.lens.len() && rank >= inner.lens[child] {
                        rank -= inner.lens[child];
                        child += 1;
                    }
                    above.push((&**inner, child));
                    node = &inner.nodes[child];
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut measured = Account::default();
        self.root.measure(&mut measured);
        assert_eq!((measured.bytes, measured.allocations), (self.account.bytes, self.account.allocations));
        self.root.check();
    }
}

impl Clone for Tree {
    fn clone(&self) -> Self {
        let root = self.root.clone();
        // A copy has no spare room, so its account is its own.
        let mut account = Account::default();
        root.measure(&mut account);
        Tree { root, account }
    }
}

impl Account {
    fn open(&mut self, inner: &Inner) {
        self.bytes += inner.heap_bytes();
        self.allocations += 1;
    }

    fn close(&mut self, inner: &Inner) {
        self.bytes -= inner.heap_bytes();
        self.allocations -= 1;
    }

    fn open_leaf(&mut self, leaf: &Leaf) {
        self.bytes += leaf.heap_bytes();
        self.allocations += usize::from(leaf.heap_bytes() > 0);
    }

    fn close_leaf(&mut self, leaf: &Leaf) {
        self.bytes -= leaf.heap_bytes();
        self.allocations -= usize::from(leaf.heap_bytes() > 0);
    }
}

impl Node {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.len(),
            Node::Inner(inner) => inner.lens.iter().sum(),
        }
    }

    fn first(&self) -> Element<'_> {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(leaf) => return leaf.first(),
                Node::Inner(inner) => node = &inner.nodes[0],
            }
        }
    }

    fn first_score(&self) -> f64 {
        match self {
            Node::Leaf(leaf) => leaf.first().0,
            Node::Inner(inner) => inner.first_scores[0],
        }
    }

    fn is_small(&self) -> bool {
        match self {
            Node::Leaf(leaf) => leaf.bytes_len() < LEAF_BYTES_MIN,
            Node::Inner(inner) => inner.nodes.len() < CHILDREN_MIN,
        }
    }

    fn measure(&self, account: &mut Account) {
        match self {
            Node::Leaf(leaf) => account.open_leaf(leaf),
            Node::Inner(inner) => {
                account.open(inner);
                inner.nodes.iter().for_each(|node| node.measure(account));
            }
        }
    }

    /// Adds an element; the right part, if the node had to be divided.
    fn insert(&mut self, score: f64, member: &[u8], account: &mut Account) -> Option<Node> {
        match self {
            Node::Leaf(leaf) => insert_into_leaf(leaf, score, member, account).map(Node::Leaf),
            Node::Inner(inner) => {
                let child = inner.child_before(Edge::Element(score, member));
                let right = inner.nodes[child].insert(score, member, account);
                inner.refresh(child);
                let right = right?;
                account.bytes -= inner.heap_bytes();
                inner.put(child + 1, right);
                let split = (inner.nodes.len() > CHILDREN_MAX).then(|| inner.split(child + 1));
                account.bytes += inner.heap_bytes();
                split.map(|right| {
                    account.open(&right);
                    Node::Inner(Box::new(right))
                })
            }
        }
    }

    fn remove(&mut self, score: f64, member: &[u8], account: &mut Account) -> bool {
        match self {
            Node::Leaf(leaf) => {
                account.close_leaf(leaf);
                let is_removed = leaf.remove(score, member);
                account.open_leaf(leaf);
                is_removed
            }
            Node::Inner(inner) => {
                // The element before which an edge stands is the first of the next child where the edge falls
                // between two children; so the child is looked for with the element itself included.
                let child = inner.child_with(score, member);
                let is_removed = inner.nodes[child].remove(score, member, account);
                if is_removed {
                    account.bytes -= inner.heap_bytes();
                    inner.tidy(child, account);
                    account.bytes += inner.heap_bytes();
                }
                is_removed
            }
        }
    }

    #[cfg(test)]
    fn check(&self) {
        if let Node::Inner(inner) = self {
            assert!(!inner.nodes.is_empty() && inner.nodes.len() <= CHILDREN_MAX);
            for (index, node) in inner.nodes.iter().enumerate() {
                assert!(node.len() > 0, "an empty child");
                assert_eq!((inner.lens[index], inner.first_scores[index]), (node.len(), node.first().0));
                node.check();
            }
        }
    }
}

/// Adds an element to a leaf; the right part, if it had to be divided.
fn insert_into_leaf(leaf: &mut Leaf, score: f64, member: &[u8], account: &mut Account) -> Option<Leaf> {
    // An element that is larger than a leaf stays alone, so that its neighbours never move it.
    if leaf.len() == 1 && leaf.bytes_len() > LEAF_BYTES_MAX {
        let mut new = Leaf::default();
        new.insert(score, member);
        account.open_leaf(&new);
        let (index, _) = leaf.seek_edge(Edge::Element(score, member));
        return Some(if index == 0 { std::mem::replace(leaf, new) } else { new });
    }
    account.close_leaf(leaf);
    let at = leaf.insert(score, member);
    let right = (leaf.bytes_len() > LEAF_BYTES_MAX && leaf.len() > 1).then(|| leaf.split(at));
    account.open_leaf(leaf);
    if let Some(right) = &right {
        account.open_leaf(right);
    }
    right
}

impl Inner {
    /// Bytes allocated by the lists and the node itself, as the allocator rounds them.
    fn heap_bytes(&self) -> usize {
        rounded(size_of::<Self>())
            + rounded(self.first_scores.capacity() * size_of::<f64>())
            + rounded(self.lens.capacity() * size_of::<usize>())
            + rounded(self.nodes.capacity() * size_of::<Node>())
    }

    /// The last child whose first element stands before the edge, or the first child.
    #[inline]
    fn child_before(&self, edge: Edge<'_>) -> usize {
        self.last_child_where(|score, node| edge.is_behind(score, || node.first().1))
    }

    /// The child that would hold an element.
    fn child_with(&self, score: f64, member: &[u8]) -> usize {
        self.last_child_where(|first, node| first < score || (first == score && node.first().1 <= member))
    }

    #[inline]
    fn last_child_where(&self, is_before: impl Fn(f64, &Node) -> bool) -> usize {
        let (mut low, mut high) = (0, self.nodes.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self.first_scores[middle], &self.nodes[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }

    fn refresh(&mut self, child: usize) {
        self.first_scores[child] = self.nodes[child].first_score();
        self.lens[child] = self.nodes[child].len();
    }

    fn put(&mut self, index: usize, node: Node) {
        if self.nodes.len() == self.nodes.capacity() {
            self.first_scores.reserve_exact(CHILDREN_STEP);
            self.lens.reserve_exact(CHILDREN_STEP);
            self.nodes.reserve_exact(CHILDREN_STEP);
        }
        self.first_scores.insert(index, node.first_score());
        self.lens.insert(index, node.len());
        self.nodes.insert(index, node);
    }

    fn take(&mut self, index: usize) -> Node {
        self.first_scores.remove(index);
        self.lens.remove(index);
        self.nodes.remove(index)
    }

    /// Divides the node, of which the child at `inserted` is new; growth at the end leaves the left part full.
    fn split(&mut self, inserted: usize) -> Inner {
        let at = if inserted + 1 == self.nodes.len() { inserted } else { self.nodes.len() / 2 };
        let right = Inner {
            first_scores: self.first_scores.split_off(at),
            lens: self.lens.split_off(at),
            nodes: self.nodes.split_off(at),
        };
        self.shrink();
        right
    }

    fn shrink(&mut self) {
        self.first_scores.shrink_to_fit();
        self.lens.shrink_to_fit();
        self.nodes.shrink_to_fit();
    }

    /// After an element of a child was removed: drops the child if it is empty, or joins it with a neighbour.
    fn tidy(&mut self, child: usize, account: &mut Account) {
        if self.nodes[child].len() == 0 {
            match self.take(child) {
                Node::Leaf(leaf) => account.close_leaf(&leaf),
                Node::Inner(inner) => account.close(&inner),
            }
            return;
        }
        self.refresh(child);
        if !self.nodes[child].is_small() {
            return;
        }
        let partners = [child.checked_sub(1), Some(child)];
        let joined = partners
            .into_iter()
            .flatten()
            .find(|&left| self.nodes.get(left + 1).is_some_and(|right| can_join(&self.nodes[left], right)));
        if let Some(left) = joined {
            let right = self.take(left + 1);
            join(&mut self.nodes[left], right, account);
            self.refresh(left);
        }
    }
}

fn can_join(left: &Node, right: &Node) -> bool {
    match (left, right) {
        (Node::Leaf(left), Node::Leaf(right)) => left.bytes_len() + right.bytes_len() <= JOINED_BYTES_MAX,
        (Node::Inner(left), Node::Inner(right)) => {
            left.nodes.len() + right.nodes.len() <= JOINED_CHILDREN_MAX
        }
        _ => false,
    }
}

fn join(left: &mut Node, right: Node, account: &mut Account) {
    match (left, right) {
        (Node::Leaf(left), Node::Leaf(right)) => {
            account.close_leaf(left);
            account.close_leaf(&right);
            left.absorb(right);
            account.open_leaf(left);
        }
        (Node::Inner(left), Node::Inner(mut right)) => {
            account.bytes -= left.heap_bytes();
            account.close(&right);
            left.first_scores.append(&mut right.first_scores);
            left.lens.append(&mut right.lens);
            left.nodes.append(&mut right.nodes);
            account.bytes += left.heap_bytes();
        }
        _ => unreachable!("all leaves lie on one level"),
    }
}

/// The elements of a tree in ascending order.
#[derive(Clone)]
pub struct Ascent<'a> {
    above: Vec<(&'a Inner, usize)>,
    leaf: &'a Leaf,
    at: usize,
}

impl<'a> Iterator for Ascent<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some((element, end)) = self.leaf.element(self.at) {
                self.at = end;
                return Some(element);
            }
            let (inner, child) = self.above.pop()?;
            let Some(mut node) = inner.nodes.get(child + 1) else { continue };
            self.above.push((inner, child + 1));
            while let Node::Inner(below) = node {
                self.above.push((below, 0));
                node = &below.nodes[0];
            }
            if let Node::Leaf(leaf) = node {
                (self.leaf, self.at) = (leaf, 0);
            }
        }
    }
}

/// The elements of a tree in descending order.
#[derive(Clone)]
pub struct Descent<'a> {
    above: Vec<(&'a Inner, usize)>,
    leaf: &'a Leaf,
    /// Where the elements of the leaf begin that are still to come.
    places: Vec<usize>,
}

impl<'a> Descent<'a> {
    fn enter(&mut self, leaf: &'a Leaf) {
        self.leaf = leaf;
        self.places.clear();
        let mut at = 0;
        while let Some((_, end)) = leaf.element(at) {
            self.places.push(at);
            at = end;
        }
    }
}

impl<'a> Iterator for Descent<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some(at) = self.places.pop() {
                return self.leaf.element(at).map(|(element, _)| element);
            }
            let (inner, child) = self.above.pop()?;
            let Some(before) = child.checked_sub(1) else { continue };
            self.above.push((inner, before));
            let mut node = &inner.nodes[before];
            while let Node::Inner(below) = node {
                let last = below.nodes.len() - 1;
                self.above.push((below, last));
                node = &below.nodes[last];
            }
            if let Node::Leaf(leaf) = node {
                self.enter(leaf);
            }
        }
    }
}
