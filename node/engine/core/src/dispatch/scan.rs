//! The arguments and the reply that SCAN and its kin share.

use super::{Ctx, Failure, Outcome};
use crate::base::glob;
use crate::base::numbers::parse_i64;
use crate::resp::failure::{NOT_AN_INTEGER, SYNTAX};
use crate::resp::reply::Reply;

/// How many buckets SCAN visits at most for each key it was asked for, when few match.
const SCAN_COUNT_DEFAULT: usize = 10;

/// Answers a page of a walk: where the next one begins, and elements. `walk` appends these, and tells both that and their
/// number.
pub fn reply_page(
    reply: &mut Reply<'_>,
    walk: impl FnOnce(&mut Reply<'_>) -> Result<(u64, usize), Failure>,
) -> Outcome {
    let mut elements = Vec::new();
    let (next, len) = walk(&mut Reply::new(&mut elements, 2))?;
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.array(len);
    reply.raw(&elements);
    Ok(())
}

/// The options of SCAN and its relatives.
pub struct ScanOptions<'a> {
    /// COUNT: how many to look at, about.
    pub count: usize,
    /// MATCH.
    pub pattern: Option<&'a [u8]>,
    /// TYPE, where it is allowed.
    pub type_name: Option<&'a [u8]>,
    /// NOVALUES, where it is allowed.
    pub names_only: bool,
}

/// What is walked over, which decides what options there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// The keys of a database.
    Keys,
    /// The fields of a hash.
    Fields,
    /// The members of a set or sorted set.
    Members,
}

impl<'a> ScanOptions<'a> {
    /// Reads the options from argument `index` on.
    pub fn parse(ctx: &Ctx<'a>, mut index: usize, walked: Walked) -> Result<Self, Failure> {
        let mut options =
            ScanOptions { count: SCAN_COUNT_DEFAULT, pattern: None, type_name: None, names_only: false };
        while index < ctx.args.len() {
            if ctx.arg_is(index, "novalues") {
                if walked != Walked::Fields {
                    return Err(Failure::Text("ERR NOVALUES option can only be used in HSCAN"));
                }
                options.names_only = true;
                index += 1;
                continue;
            }
            let value = ctx.args.try_get(index + 1).ok_or(SYNTAX)?;
            if ctx.arg_is(index, "count") {
                let count = parse_i64(value).ok_or(NOT_AN_INTEGER)?;
                options.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(SYNTAX)?;
            } else if ctx.arg_is(index, "match") {
                options.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if ctx.arg_is(index, "type") && walked == Walked::Keys {
                options.type_name = Some(value);
            } else {
                return Err(SYNTAX);
            }
            index += 2;
        }
        Ok(options)
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, false))
    }
}

/// Reads a cursor as C's `strtoul` does: nothing is 0, and a minus sign counts down from 2^64.
pub fn parse_cursor(text: &[u8]) -> Result<u64, Failure> {
    let (is_negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let value =
        std::str::from_utf8(digits).ok().filter(|_| is_number).and_then(|text| text.parse::<u64>().ok());
    let value = value.ok_or(Failure::Text("ERR invalid cursor"))?;
    Ok(if is_negative { value.wrapping_neg() } else { value })
}
