//! The nodes of a list: packed runs in order, reached from both ends and by the index of an element.
//!
//! Most lists are one node. A longer one has its nodes in chunks of up to [`CHUNK_NODES_MAX`], each of which knows how
//! many elements are in it: an element is found by passing over whole chunks, then over the nodes of one, and nothing
//! that grows is ever copied as a whole. A chain of pointers, as the peers have it, costs a cache miss a node instead.

use std::collections::VecDeque;

use crate::formats::packed::run::PackedRun;

/// Nodes of a chunk, at most.
const CHUNK_NODES_MAX: usize = 128;

/// Of longer lists, the bytes of this many nodes tell about all.
const SAMPLED_NODES: usize = 1024;

/// Where a node is; any change of their number makes it stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    chunk: usize,
    node: usize,
}

/// The nodes of a list; none of them is empty between two commands, unless the list is.
#[derive(Debug, Clone)]
pub(super) enum Nodes {
    One(PackedRun),
    Many(Box<Chunks>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Chunks {
    chunks: VecDeque<Chunk>,
    len: usize,
    nodes: usize,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    runs: VecDeque<PackedRun>,
    len: usize,
}

impl Chunk {
    fn of(run: PackedRun) -> Self {
        Chunk { len: run.len(), runs: VecDeque::from([run]) }
    }
}

impl Nodes {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Nodes::One(run) => run.len(),
            Nodes::Many(many) => many.len,
        }
    }

    /// The number of nodes.
    pub fn count(&self) -> usize {
        match self {
            Nodes::One(_) => 1,
            Nodes::Many(many) => many.nodes,
        }
    }

    /// Bytes allocated; of a long list as many nodes tell it.
    pub fn memory_bytes(&self) -> usize {
        let many = match self {
            Nodes::One(run) => return run.memory_bytes(),
            Nodes::Many(many) => many,
        };
        let frame = |nodes: usize| crate::base::alloc::rounded(nodes * size_of::<PackedRun>());
        let chunks: usize = many.chunks.iter().map(|chunk| frame(chunk.runs.capacity())).sum();
        let frames = size_of::<Chunks>() + many.chunks.capacity() * size_of::<Chunk>() + chunks;
        let step = many.nodes.div_ceil(SAMPLED_NODES).max(1);
        let (mut bytes, mut seen) = (0, 0);
        for chunk in many.chunks.iter().step_by(step.min(many.chunks.len())) {
            for run in &chunk.runs {
                bytes += run.memory_bytes();
                seen += 1;
            }
        }
        frames + (bytes as f64 * many.nodes as f64 / seen.max(1) as f64) as usize
    }

    /// The first node.
    pub fn first(&self) -> Place {
        Place { chunk: 0, node: 0 }
    }

    /// The last node.
    pub fn last(&self) -> Place {
        match self {
            Nodes::One(_) => Place { chunk: 0, node: 0 },
            Nodes::Many(many) => {
                let chunk = many.chunks.len().saturating_sub(1);
                let node = many.chunks.back().map_or(0, |chunk| chunk.runs.len().saturating_sub(1));
                Place { chunk, node }
            }
        }
    }

    /// A node.
    pub fn get(&self, at: Place) -> Option<&PackedRun> {
        match self {
            Nodes::One(run) => (at == self.first()).then_some(run),
            Nodes::Many(many) => many.chunks.get(at.chunk)?.runs.get(at.node),
        }
    }

    /// The node behind another.
    pub fn next(&self, at: Place) -> Option<Place> {
        let Nodes::Many(many) = self else { return None };
        if at.node + 1 < many.chunks.get(at.chunk)?.runs.len() {
            return Some(Place { node: at.node + 1, ..at });
        }
        (at.chunk + 1 < many.chunks.len()).then_some(Place { chunk: at.chunk + 1, node: 0 })
    }

    /// The node before another.
    pub fn previous(&self, at: Place) -> Option<Place> {
        let Nodes::Many(many) = self else { return None };
        if at.node > 0 {
            return Some(Place { node: at.node - 1, ..at });
        }
        let chunk = at.chunk.checked_sub(1)?;
        Some(Place { chunk, node: many.chunks.get(chunk)?.runs.len().checked_sub(1)? })
    }

    /// The node with this number, from 0.
    pub fn nth(&self, number: usize) -> Option<Place> {
        let Nodes::Many(many) = self else { return (number == 0).then_some(self.first()) };
        let mut node = number;
        for (chunk, Chunk { runs, .. }) in many.chunks.iter().enumerate() {
            if node < runs.len() {
                return Some(Place { chunk, node });
            }
            node -= runs.len();
        }
        None
    }

    /// The node that has the element with this index, and the element's index in it.
    pub fn find(&self, index: usize) -> Option<(Place, usize)> {
        if index >= self.len() {
            return None;
        }
        let Nodes::Many(many) = self else { return Some((self.first(), index)) };
        // From the nearer end; `left` elements lie between it and the wanted one.
        let (mut chunk, mut left);
        if index <= many.len / 2 {
            (chunk, left) = (0, index);
            while left >= many.chunks.get(chunk)?.len {
                left -= many.chunks.get(chunk)?.len;
                chunk += 1;
            }
        } else {
            (chunk, left) = (many.chunks.len() - 1, many.len - 1 - index);
            while left >= many.chunks.get(chunk)?.len {
                left -= many.chunks.get(chunk)?.len;
                chunk -= 1;
            }
            left = many.chunks.get(chunk)?.len - 1 - left;
        }
        for (node, run) in many.chunks.get(chunk)?.runs.iter().enumerate() {
            if left < run.len() {
                return Some((Place { chunk, node }, left));
            }
            left -= run.len();
        }
        None
    }

    /// Changes a node, which may become empty: the caller removes it then.
    pub fn change<T>(&mut self, at: Place, change: impl FnOnce(&mut PackedRun) -> T) -> Option<T> {
        match self {
            Nodes::One(run) => Some(change(run)),
            Nodes::Many(many) => {
                let chunk = many.chunks.get_mut(at.chunk)?;
                let run = chunk.runs.get_mut(at.node)?;
                let before = run.len();
                let result = change(run);
                let after = run.len();
                chunk.len = chunk.len - before + after;
                many.len = many.len - before + after;
                Some(result)
            }
        }
    }

    /// Adds a node before the first.
    pub fn push_front(&mut self, run: PackedRun) {
        let Some(many) = self.many(&run) else { return *self = Nodes::One(run) };
        many.len += run.len();
        many.nodes += 1;
        match many.chunks.front_mut() {
            Some(chunk) if chunk.runs.len() < CHUNK_NODES_MAX => {
                chunk.len += run.len();
                chunk.runs.push_front(run);
            }
            _ => many.chunks.push_front(Chunk::of(run)),
        }
    }

    /// Adds a node behind the last.
    pub fn push_back(&mut self, run: PackedRun) {
        let Some(many) = self.many(&run) else { return *self = Nodes::One(run) };
        many.len += run.len();
        many.nodes += 1;
        match many.chunks.back_mut() {
            Some(chunk) if chunk.runs.len() < CHUNK_NODES_MAX => {
                chunk.len += run.len();
                chunk.runs.push_back(run);
            }
            _ => many.chunks.push_back(Chunk::of(run)),
        }
    }

    /// Adds a node behind another, whose place is afterwards the one returned.
    pub fn insert_behind(&mut self, at: Place, run: PackedRun) -> Place {
        let Some(many) = self.many(&run) else {
            *self = Nodes::One(run);
            return self.first();
        };
        many.len += run.len();
        many.nodes += 1;
        let Some(chunk) = many.chunks.get_mut(at.chunk) else { return at };
        chunk.len += run.len();
        chunk.runs.insert((at.node + 1).min(chunk.runs.len()), run);
        if chunk.runs.len() <= CHUNK_NODES_MAX {
            return at;
        }
        let half = chunk.runs.len() / 2;
        let runs = chunk.runs.split_off(half);
        let len = runs.iter().map(PackedRun::len).sum();
        chunk.len -= len;
        many.chunks.insert(at.chunk + 1, Chunk { runs, len });
        match at.node.checked_sub(half) {
            Some(node) => Place { chunk: at.chunk + 1, node },
            None => at,
        }
    }

    /// Removes a node.
    pub fn remove(&mut self, at: Place) {
        let Nodes::Many(many) = self else { return *self = Nodes::One(PackedRun::default()) };
        let Some(chunk) = many.chunks.get_mut(at.chunk) else { return };
        let Some(run) = chunk.runs.remove(at.node) else { return };
        chunk.len -= run.len();
        many.len -= run.len();
        many.nodes -= 1;
        if chunk.runs.is_empty() {
            many.chunks.remove(at.chunk);
        }
        if many.nodes <= 1 {
            let last = many.chunks.pop_front().and_then(|mut chunk| chunk.runs.pop_front());
            *self = Nodes::One(last.unwrap_or_default());
        }
    }

    /// The form for several nodes; `None` when there is none to stand beside `added`, because the list is empty.
    fn many(&mut self, added: &PackedRun) -> Option<&mut Chunks> {
        debug_assert!(!added.is_empty());
        if let Nodes::One(run) = self {
            if run.is_empty() {
                return None;
            }
            let (len, run) = (run.len(), std::mem::take(run));
            let chunks = VecDeque::from([Chunk::of(run)]);
            *self = Nodes::Many(Box::new(Chunks { chunks, len, nodes: 1 }));
        }
        match self {
            Nodes::Many(many) => Some(many),
            Nodes::One(_) => None,
        }
    }
}
