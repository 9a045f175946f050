//! LCS: the longest common subsequence of two strings.

use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;
use crate::resp::reply::Reply;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("lcs", -3, Group::String, lcs)
    .flags(Flags::READONLY)
    .keys(&[KeySpec::range(1, 1, 1, "RO ACCESS")])
    .docs(
        "7.0.0",
        "O(N*M) with the lengths of the strings",
        "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
        "Finds the longest common subsequence of the strings at two keys.",
    )];

const NO_STRINGS: Failure = Failure::Text("ERR The specified keys must contain string values");

#[derive(Default)]
struct LcsOptions {
    len: bool,
    idx: bool,
    min_match_len: i64,
    with_match_len: bool,
}

impl LcsOptions {
    fn parse(ctx: &Ctx<'_>) -> Result<Self, Failure> {
        let mut options = LcsOptions::default();
        let mut index = 3;
        while index < ctx.args.len() {
            if ctx.arg_is(index, "idx") {
                options.idx = true;
            } else if ctx.arg_is(index, "len") {
                options.len = true;
            } else if ctx.arg_is(index, "withmatchlen") {
                options.with_match_len = true;
            } else if ctx.arg_is(index, "minmatchlen") && index + 1 < ctx.args.len() {
                index += 1;
                options.min_match_len = ctx.int_arg(index)?.max(0);
            } else {
                return Err(SYNTAX);
            }
            index += 1;
        }
        if options.idx && options.len {
            return Err(Failure::Text("ERR If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

fn lcs(ctx: &mut Ctx<'_>) -> Outcome {
    let (a, b) = (text_of(ctx, 1)?, text_of(ctx, 2)?);
    let options = LcsOptions::parse(ctx)?;
    let table_bytes = (a.len() as u128 + 1) * (b.len() as u128 + 1) * 4;
    if table_bytes > u128::from(ctx.engine.settings.proto_max_bulk_len) {
        return Err(Failure::Text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    let table = Lengths::of(&a, &b);
    let mut reply = ctx.reply();
    if options.len {
        reply.int(i64::from(table.at(a.len(), b.len())));
    } else if options.idx {
        reply.map(2);
        reply.bulk(b"matches");
        reply.deferred_array(|reply| table.ranges(&a, &b, |range| range.write(reply, &options)));
        reply.bulk(b"len");
        reply.int(i64::from(table.at(a.len(), b.len())));
    } else {
        reply.bulk(&table.subsequence(&a, &b));
    }
    Ok(())
}

fn text_of(ctx: &mut Ctx<'_>, index: usize) -> Result<Vec<u8>, Failure> {
    let key = ctx.key(index);
    match ctx.read(&key) {
        None => Ok(Vec::new()),
        Some(entry) => entry.value().string(&mut itoa::Buffer::new()).map(<[u8]>::to_vec).ok_or(NO_STRINGS),
    }
}

/// A run of bytes that both strings share in the subsequence, by its first and last positions.
struct SharedRange {
    a: (usize, usize),
    b: (usize, usize),
}

impl SharedRange {
    /// Writes it unless it is too short; tells how many values were written.
    fn write(&self, reply: &mut Reply<'_>, options: &LcsOptions) -> usize {
        let length = (self.a.1 - self.a.0 + 1) as i64;
        if length < options.min_match_len {
            return 0;
        }
        reply.array(if options.with_match_len { 3 } else { 2 });
        for (first, last) in [self.a, self.b] {
            reply.array(2);
            reply.int(first as i64);
            reply.int(last as i64);
        }
        if options.with_match_len {
            reply.int(length);
        }
        1
    }
}

/// For every pair of prefixes, the length of their longest common subsequence.
struct Lengths {
    width: usize,
    cells: Vec<u32>,
}

impl Lengths {
    fn of(a: &[u8], b: &[u8]) -> Lengths {
        let width = b.len() + 1;
        let mut cells = vec![0_u32; (a.len() + 1) * width];
        for (row, &from_a) in a.iter().enumerate() {
            let (above, below) = cells[row * width..(row + 2) * width].split_at_mut(width);
            for (column, &from_b) in b.iter().enumerate() {
                below[column + 1] =
                    if from_a == from_b { above[column] + 1 } else { above[column + 1].max(below[column]) };
            }
        }
        Lengths { width, cells }
    }

    fn at(&self, a: usize, b: usize) -> u32 {
        self.cells[a * self.width + b]
    }

    /// Walks back from the end: at each step what is shared, or which string to shorten.
    fn walk(&self, a: &[u8], b: &[u8], mut step: impl FnMut(usize, usize, bool)) {
        let (mut i, mut j) = (a.len(), b.len());
        while i > 0 && j > 0 {
            let is_shared = a[i - 1] == b[j - 1];
            step(i - 1, j - 1, is_shared);
            if is_shared {
                i -= 1;
                j -= 1;
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }

    fn subsequence(&self, a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut shared = Vec::with_capacity(self.at(a.len(), b.len()) as usize);
        self.walk(a, b, |i, _, is_shared| {
            if is_shared {
                shared.push(a[i]);
            }
        });
        shared.reverse();
        shared
    }

    /// The shared runs, the last one first; gives the sum of what `each` says.
    fn ranges(&self, a: &[u8], b: &[u8], mut each: impl FnMut(SharedRange) -> usize) -> usize {
        let mut sum = 0;
        let mut open: Option<SharedRange> = None;
        self.walk(a, b, |i, j, is_shared| {
            if !is_shared {
                sum += open.take().map_or(0, &mut each);
                return;
            }
            match &mut open {
                Some(range) => (range.a.0, range.b.0) = (i, j),
                None => open = Some(SharedRange { a: (i, i), b: (j, j) }),
            }
            if i == 0 || j == 0 {
                sum += open.take().map_or(0, &mut each);
            }
        });
        sum
    }
}
