//! The arguments of SORT.

use super::{option_args, stays_in_slot};
use crate::dispatch::{Ctx, Failure};
use crate::resp::failure::SYNTAX;
use crate::resp::Args;

const BY_REFUSED: Failure = Failure::Text(
    "ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.",
);
const GET_REFUSED: Failure = Failure::Text(
    "ERR GET option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.",
);

/// What SORT is to do.
pub(super) struct Options<'a> {
    /// Whether anything is sorted: not with a BY that names no key.
    pub sorts: bool,
    /// Weights are texts, not numbers.
    pub alpha: bool,
    /// The greatest first.
    pub descending: bool,
    /// Which keys have the weights; without, elements weigh themselves.
    pub by: Option<&'a [u8]>,
    /// What is answered of each element; nothing: the element.
    pub gets: Vec<&'a [u8]>,
    /// The argument that says where the result goes.
    pub store: Option<usize>,
    limit: Option<(i64, i64)>,
}

impl<'a> Options<'a> {
    /// Reads them; STORE only where the command may store.
    pub(super) fn parse(ctx: &Ctx<'a>, may_store: bool) -> Result<Self, Failure> {
        let mut options = Options {
            sorts: true,
            alpha: false,
            descending: false,
            by: None,
            gets: Vec::new(),
            store: None,
            limit: None,
        };
        let mut index = option_args(ctx.args).start;
        while index < ctx.args.len() {
            let left = ctx.args.len() - index - 1;
            if ctx.arg_is(index, "asc") {
                options.descending = false;
            } else if ctx.arg_is(index, "desc") {
                options.descending = true;
            } else if ctx.arg_is(index, "alpha") {
                options.alpha = true;
            } else if ctx.arg_is(index, "limit") && left >= 2 {
                options.limit = Some((ctx.int_arg(index + 1)?, ctx.int_arg(index + 2)?));
                index += 2;
            } else if may_store && ctx.arg_is(index, "store") && left >= 1 {
                options.store = Some(index + 1);
                index += 1;
            } else if ctx.arg_is(index, "by") && left >= 1 {
                options.weigh_by(ctx, index + 1)?;
                index += 1;
            } else if ctx.arg_is(index, "get") && left >= 1 {
                let pattern = ctx.arg(index + 1);
                if pattern != b"#" && !is_served(ctx, pattern) {
                    return Err(GET_REFUSED);
                }
                options.gets.push(pattern);
                index += 1;
            } else {
                return Err(SYNTAX);
            }
            index += 1;
        }
        Ok(options)
    }

    fn weigh_by(&mut self, ctx: &Ctx<'a>, index: usize) -> Result<(), Failure> {
        let pattern = ctx.arg(index);
        self.by = Some(pattern);
        if !pattern.contains(&b'*') {
            self.sorts = false;
        } else if !is_served(ctx, pattern) {
            return Err(BY_REFUSED);
        }
        Ok(())
    }

    /// Sorts after all, by the elements' own text.
    pub(super) fn sort_by_itself(&mut self) {
        self.sorts = true;
        self.alpha = true;
        self.by = None;
    }

    /// Which of `total` elements are wanted.
    pub(super) fn range(&self, total: usize) -> std::ops::Range<usize> {
        let Some((offset, count)) = self.limit else { return 0..total };
        let start = (offset.max(0) as u64).min(total as u64) as usize;
        let end = match u64::try_from(count) {
            Ok(count) => start + count.min((total - start) as u64) as usize,
            Err(_) => total,
        };
        start..end
    }
}

/// Whether the keys of a pattern are all served where the command is.
fn is_served(ctx: &Ctx<'_>, pattern: &[u8]) -> bool {
    let key = ctx.key(1);
    ctx.engine.cluster.slots.is_none() || stays_in_slot(pattern, key.slot)
}

/// The argument that says where the result goes; the last one counts.
pub(super) fn store_position(args: Args<'_>) -> Option<usize> {
    let is = |index: usize, word: &str| args.get(index).eq_ignore_ascii_case(word.as_bytes());
    let (mut found, mut index) = (None, option_args(args).start);
    while index < args.len() {
        if is(index, "limit") {
            index += 2;
        } else if is(index, "get") || is(index, "by") {
            index += 1;
        } else if is(index, "store") && index + 1 < args.len() {
            found = Some(index + 1);
        }
        index += 1;
    }
    found
}
