//! Where the keys of a command stand: the key specifications of COMMAND INFO, and their evaluation.

use bitflags::bitflags;

use crate::resp::Args;

bitflags! {
    /// What a command does with keys; the names are those of COMMAND INFO.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Access: u16 {
        /// Reads the value and changes nothing.
        const RO = 1;
        /// Changes the value, which depends on what it was.
        const RW = 1 << 1;
        /// Overwrites the value, whatever it was.
        const OW = 1 << 2;
        /// Removes the key.
        const RM = 1 << 3;
        /// Answers something of the value, or copies it.
        const ACCESS = 1 << 4;
        /// Changes what is in the value.
        const UPDATE = 1 << 5;
        /// Adds to the value, and changes nothing that is in it.
        const INSERT = 1 << 6;
        /// Removes something from the value.
        const DELETE = 1 << 7;
        /// Not a key, though it is routed like one.
        const NOT_KEY = 1 << 8;
        /// There may be more keys than the specification finds.
        const INCOMPLETE = 1 << 9;
        /// Some options change the flags.
        const VARIABLE_FLAGS = 1 << 10;
    }
}

const ACCESS_WORDS: [(&str, Access); 11] = [
    ("RO", Access::RO),
    ("RW", Access::RW),
    ("OW", Access::OW),
    ("RM", Access::RM),
    ("ACCESS", Access::ACCESS),
    ("UPDATE", Access::UPDATE),
    ("INSERT", Access::INSERT),
    ("DELETE", Access::DELETE),
    ("NOT_KEY", Access::NOT_KEY),
    ("INCOMPLETE", Access::INCOMPLETE),
    ("VARIABLE_FLAGS", Access::VARIABLE_FLAGS),
];

impl Access {
    /// Reads words as COMMAND INFO names them: `RW ACCESS UPDATE`. In a table of commands an unknown word fails to
    /// compile.
    pub const fn of(words: &str) -> Self {
        let words = words.as_bytes();
        let (mut access, mut from) = (Access::empty(), 0);
        while from < words.len() {
            let mut to = from;
            while to < words.len() && words[to] != b' ' {
                to += 1;
            }
            access = access.union(Access::of_word(words, from, to));
            from = to + 1;
        }
        access
    }

    const fn of_word(words: &[u8], from: usize, to: usize) -> Self {
        let mut known = 0;
        while known < ACCESS_WORDS.len() {
            let (word, access) = ACCESS_WORDS[known];
            let word = word.as_bytes();
            let mut same = 0;
            while same < word.len() && from + same < to && word[same] == words[from + same] {
                same += 1;
            }
            if same == word.len() && same == to - from {
                return access;
            }
            known += 1;
        }
        panic!("an unknown word of key access")
    }

    /// The words of COMMAND INFO, in its order: those of two letters as they are, the rest in lower case.
    pub fn words(self) -> impl Iterator<Item = String> {
        let set = ACCESS_WORDS.into_iter().filter(move |(_, access)| self.contains(*access));
        set.map(|(word, _)| if word.len() == 2 { word.to_owned() } else { word.to_lowercase() })
    }
}

/// Where a specification's first key stands.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this argument.
    Index(u16),
    /// Behind this word, searched from an argument on (negative: from the end backwards).
    Keyword(&'static str, i16),
    /// Not to be told from the specification: the function finds the key, if there is one.
    Unknown(fn(Args<'_>) -> Option<usize>),
}

/// Which keys follow from the first one.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// A range: last key relative to the first (negative: from the end), step, and limit (2 = half of the rest).
    Range {
        /// Position of the last key relative to the first; negative counts from the last argument (-1).
        last: i16,
        /// Distance between keys.
        step: u16,
        /// Divisor of what remains, for commands whose keys are the first 1/limit part; 0 or 1: none.
        limit: u16,
    },
    /// A number of keys, given as an argument.
    KeyNum {
        /// Where the number stands, relative to the beginning.
        index: u16,
        /// Where the first key stands, relative to the beginning.
        first: u16,
        /// Distance between keys.
        step: u16,
    },
}

/// One key specification, with what happens to its keys.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// What the command does with these keys, at most.
    pub access: Access,
    /// What it does with them for its options, where those change it.
    pub by_options: Option<fn(Args<'_>) -> Access>,
    /// Where the first key stands.
    pub begin: Begin,
    /// Which keys follow.
    pub find: Find,
    /// Whether these are no real keys (shard channels).
    pub not_key: bool,
}

impl KeySpec {
    const fn of(access: &'static str) -> Self {
        let find = Find::Range { last: 0, step: 1, limit: 0 };
        let access = Access::of(access);
        KeySpec { access, by_options: None, begin: Begin::Index(0), find, not_key: false }
    }

    /// One key at argument `index`.
    pub const fn one(index: u16, access: &'static str) -> Self {
        KeySpec::range(index, 0, 1, access)
    }

    /// Keys from argument `index` to `last` (relative to the first; negative from the end) in steps.
    pub const fn range(index: u16, last: i16, step: u16, access: &'static str) -> Self {
        let find = Find::Range { last, step, limit: 0 };
        KeySpec { begin: Begin::Index(index), find, ..KeySpec::of(access) }
    }

    /// As many keys as argument `index` says, standing behind it.
    pub const fn counted(index: u16, access: &'static str) -> Self {
        let find = Find::KeyNum { index: 0, first: 1, step: 1 };
        KeySpec { begin: Begin::Index(index), find, ..KeySpec::of(access) }
    }

    /// Keys behind a keyword, up to the end.
    pub const fn keyword(word: &'static str, from: i16, last: i16, access: &'static str) -> Self {
        let find = Find::Range { last, step: 1, limit: 0 };
        KeySpec { begin: Begin::Keyword(word, from), find, ..KeySpec::of(access) }
    }

    /// One key that only the command itself can find.
    pub const fn unknown(find: fn(Args<'_>) -> Option<usize>, flags: &'static str) -> Self {
        KeySpec { begin: Begin::Unknown(find), ..KeySpec::one(0, flags) }
    }

    /// Marks shard channels, which are routed like keys but are none.
    pub const fn not_key(mut self) -> Self {
        self.not_key = true;
        self
    }

    /// Tells what the command does with its keys by its options.
    pub const fn by_options(mut self, access: fn(Args<'_>) -> Access) -> Self {
        self.by_options = Some(access);
        self
    }

    /// What a command does with its keys.
    pub fn access_of(&self, args: Args<'_>) -> Access {
        self.by_options.map_or(self.access, |access| access(args))
    }

    /// Calls `each` with the argument positions of this specification's keys.
    #[inline]
    pub fn for_each(&self, args: Args<'_>, mut each: impl FnMut(usize)) {
        let Some(first) = self.first(args) else { return };
        match self.find {
            Find::Range { last, step, limit } => {
                let end = match (last, limit) {
                    (last, _) if last >= 0 => first + last as usize,
                    (-1, limit) if limit > 1 => first + (args.len() - first) / limit as usize - 1,
                    (last, _) => args.len().saturating_sub(last.unsigned_abs() as usize),
                };
                for index in (first..=end.min(args.len().saturating_sub(1))).step_by(step.max(1) as usize) {
                    each(index);
                }
            }
            Find::KeyNum { index, first: first_key, step } => {
                let count = crate::base::numbers::parse_i64(args.get(first + index as usize)).unwrap_or(0);
                let count = usize::try_from(count).unwrap_or(0).min(args.len());
                let from = first + first_key as usize;
                (0..count).map(|i| from + i * step as usize).filter(|&i| i < args.len()).for_each(each);
            }
        }
    }

    fn first(&self, args: Args<'_>) -> Option<usize> {
        match self.begin {
            Begin::Index(index) => Some(index as usize).filter(|&index| index < args.len()),
            Begin::Unknown(find) => find(args).filter(|&index| index < args.len()),
            Begin::Keyword(word, from) => {
                let is_word = |index: &usize| args.get(*index).eq_ignore_ascii_case(word.as_bytes());
                let found = if from >= 0 {
                    (from as usize..args.len()).find(is_word)
                } else {
                    let last = args.len().checked_sub(from.unsigned_abs() as usize)?;
                    (1..=last).rev().find(is_word)
                };
                found.map(|index| index + 1).filter(|&index| index < args.len())
            }
        }
    }
}
