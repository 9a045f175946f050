//! What a data set is made of: bytes by type, database and prefix, the biggest keys, expiry and idle times.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::KeyInfo;

/// How a report is made.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// What separates the parts of a key.
    pub separator: Vec<u8>,
    /// How many parts of a key make its prefix.
    pub depth: usize,
    /// How many of the biggest keys are listed.
    pub biggest_max: usize,
    /// How many prefixes are counted; keys with further ones count together.
    pub prefixes_max: usize,
    /// Unix time.
    pub now_ms: i64,
}

/// The longest prefix that is counted on its own.
const PREFIX_BYTES_MAX: usize = 256;

/// Keys and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub keys: u64,
    /// Their elements.
    pub elements: u64,
    /// Bytes when not compressed.
    pub bytes: u64,
    /// Bytes in the file.
    pub file_bytes: u64,
}

impl Sum {
    fn add(&mut self, info: &KeyInfo<'_>) {
        self.keys += 1;
        self.elements = self.elements.saturating_add(info.elements);
        self.bytes = self.bytes.saturating_add(info.bytes);
        self.file_bytes += info.file_bytes;
    }
}

/// One of the biggest keys. The order of the fields is the order of size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BigKey {
    /// Bytes when not compressed.
    pub bytes: u64,
    /// Bytes in the file.
    pub file_bytes: u64,
    /// Elements.
    pub elements: u64,
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: Vec<u8>,
    /// Its type.
    pub type_name: String,
    /// How it is encoded in the file.
    pub encoding: &'static str,
    /// When it expires.
    pub expire_at_ms: Option<i64>,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The upper ends of spans of seconds, and their names; what is above the last has a name of its own.
const SPANS: [(i64, &str); 6] = [
    (MINUTE, "< 1 minute"),
    (HOUR, "< 1 hour"),
    (DAY, "< 1 day"),
    (7 * DAY, "< 7 days"),
    (30 * DAY, "< 30 days"),
    (365 * DAY, "< 1 year"),
];
const LONGEST: &str = ">= 1 year";
const NO_EXPIRY: &str = "no expiry";
const EXPIRED: &str = "expired";

fn span(seconds: i64) -> &'static str {
    SPANS.iter().find(|(end, _)| seconds < *end).map_or(LONGEST, |(_, name)| name)
}

/// The order in which spans are shown.
fn order_of(name: &str) -> usize {
    let fixed = [NO_EXPIRY, EXPIRED].into_iter();
    let names = fixed.chain(SPANS.iter().map(|(_, name)| *name));
    names.clone().position(|each| each == name).unwrap_or(names.count())
}

/// A report in the making.
pub struct Report {
    options: ReportOptions,
    /// By type and encoding.
    types: BTreeMap<(String, &'static str), Sum>,
    databases: BTreeMap<u64, Sum>,
    prefixes: HashMap<Vec<u8>, Sum>,
    further_prefixes: Sum,
    expiry: BTreeMap<&'static str, Sum>,
    idle: BTreeMap<&'static str, Sum>,
    biggest: BinaryHeap<Reverse<BigKey>>,
}

impl Report {
    /// A report about no keys.
    pub fn new(options: ReportOptions) -> Self {
        Report {
            options,
            types: BTreeMap::new(),
            databases: BTreeMap::new(),
            prefixes: HashMap::new(),
            further_prefixes: Sum::default(),
            expiry: BTreeMap::new(),
            idle: BTreeMap::new(),
            biggest: BinaryHeap::new(),
        }
    }

    /// Counts a key.
    pub fn add(&mut self, info: &KeyInfo<'_>) {
        let mut types = self.types.iter_mut();
        match types.find(|((name, encoding), _)| name == info.type_name && *encoding == info.encoding) {
            Some((_, sum)) => sum.add(info),
            None => self.types.entry((info.type_name.to_owned(), info.encoding)).or_default().add(info),
        }
        self.databases.entry(info.db).or_default().add(info);
        self.add_to_prefix(info);
        let due = info.expire_at_ms.map(|at| at.saturating_sub(self.options.now_ms));
        let due = due.map_or(NO_EXPIRY, |left| if left < 0 { EXPIRED } else { span(left / 1000) });
        self.expiry.entry(due).or_default().add(info);
        if let Some(idle) = info.idle_seconds {
            let idle = i64::try_from(idle).unwrap_or(i64::MAX);
            self.idle.entry(span(idle)).or_default().add(info);
        }
        self.add_to_biggest(info);
    }

    fn add_to_prefix(&mut self, info: &KeyInfo<'_>) {
        let prefix = prefix(info.key, &self.options.separator, self.options.depth);
        let has_room = self.prefixes.len() < self.options.prefixes_max && prefix.len() <= PREFIX_BYTES_MAX;
        match self.prefixes.get_mut(prefix) {
            Some(sum) => sum.add(info),
            None if has_room => self.prefixes.entry(prefix.to_vec()).or_default().add(info),
            None => self.further_prefixes.add(info),
        }
    }

    fn add_to_biggest(&mut self, info: &KeyInfo<'_>) {
        let is_full = self.biggest.len() >= self.options.biggest_max;
        let smallest = self.biggest.peek().map_or(0, |smallest| smallest.0.bytes);
        if self.options.biggest_max == 0 || is_full && info.bytes <= smallest {
            return;
        }
        if is_full {
            self.biggest.pop();
        }
        self.biggest.push(Reverse(BigKey {
            bytes: info.bytes,
            file_bytes: info.file_bytes,
            elements: info.elements,
            db: info.db,
            key: info.key.to_vec(),
            type_name: info.type_name.to_owned(),
            encoding: info.encoding,
            expire_at_ms: info.expire_at_ms,
        }));
    }

    /// By type and encoding.
    pub fn types(&self) -> Vec<(String, &'static str, Sum)> {
        self.types.iter().map(|((name, encoding), sum)| (name.clone(), *encoding, *sum)).collect()
    }

    /// By database.
    pub fn databases(&self) -> Vec<(u64, Sum)> {
        self.databases.iter().map(|(db, sum)| (*db, *sum)).collect()
    }

    /// By prefix, the one with most bytes first; at most `count` of them, and the sum of all others.
    pub fn prefixes(&self, count: usize) -> (Vec<(Vec<u8>, Sum)>, Sum) {
        let mut all: Vec<_> = self.prefixes.iter().map(|(prefix, sum)| (prefix.clone(), *sum)).collect();
        all.sort_by(|(name, sum), (other, more)| more.bytes.cmp(&sum.bytes).then_with(|| name.cmp(other)));
        let mut others = self.further_prefixes;
        for (_, sum) in all.drain(count.min(all.len())..) {
            others.keys += sum.keys;
            others.elements = others.elements.saturating_add(sum.elements);
            others.bytes = others.bytes.saturating_add(sum.bytes);
            others.file_bytes += sum.file_bytes;
        }
        (all, others)
    }

    /// By the time until they expire.
    pub fn expiry(&self) -> Vec<(&'static str, Sum)> {
        in_order(&self.expiry)
    }

    /// By the time since they were used, as far as the file says.
    pub fn idle(&self) -> Vec<(&'static str, Sum)> {
        in_order(&self.idle)
    }

    /// The biggest keys, the biggest first.
    pub fn biggest(&self) -> Vec<BigKey> {
        let mut keys: Vec<BigKey> = self.biggest.iter().map(|Reverse(key)| key.clone()).collect();
        keys.sort_by(|one, other| other.cmp(one));
        keys
    }
}

fn in_order(sums: &BTreeMap<&'static str, Sum>) -> Vec<(&'static str, Sum)> {
    let mut all: Vec<_> = sums.iter().map(|(name, sum)| (*name, *sum)).collect();
    all.sort_by_key(|(name, _)| order_of(name));
    all
}

/// The first `depth` parts of a key, each with the separator behind it; empty without one.
fn prefix<'a>(key: &'a [u8], separator: &[u8], depth: usize) -> &'a [u8] {
    let mut end = 0;
    for _ in 0..depth {
        match memchr::memmem::find(&key[end..], separator) {
            Some(at) if !separator.is_empty() => end += at + separator.len(),
            _ => break,
        }
    }
    &key[..end]
}
