//! What a command asks for of a sorted set: a range by rank, score or member, as ranks.

use std::ops::Range;

use super::{score, Edge, SortedSet};
use crate::dispatch::{Ctx, Failure};
use crate::resp::failure::SYNTAX;

const NOT_A_SCORE: Failure = Failure::Text("ERR min or max is not a float");
const NOT_A_MEMBER: Failure = Failure::Text("ERR min or max not valid string range item");
const LIMIT_OF_RANKS: Failure =
    Failure::Text("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
const SCORES_OF_LEX: Failure =
    Failure::Text("ERR syntax error, WITHSCORES not supported in combination with BYLEX");

/// What a range is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Places in the order, negative ones from the end.
    Rank,
    /// Scores.
    Score,
    /// Members, where all scores are equal.
    Lex,
}

/// The two ends of a range.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ends<'a> {
    Ranks(i64, i64),
    Edges(Edge<'a>, Edge<'a>),
}

impl<'a> Ends<'a> {
    /// Reads the lower and the upper end.
    pub(super) fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, Failure> {
        match by {
            By::Rank => {
                let rank =
                    |text| crate::base::numbers::parse_i64(text).ok_or(crate::resp::failure::NOT_AN_INTEGER);
                Ok(Ends::Ranks(rank(min)?, rank(max)?))
            }
            By::Score => {
                let (min, is_min_out) = score_limit(min)?;
                let (max, is_max_out) = score_limit(max)?;
                Ok(Ends::Edges(
                    match (min, is_min_out) {
                        (f64::NEG_INFINITY, false) => Edge::Start,
                        (min, true) => Edge::BehindScore(min),
                        (min, false) => Edge::BeforeScore(min),
                    },
                    match (max, is_max_out) {
                        (f64::INFINITY, false) => Edge::End,
                        (max, true) => Edge::BeforeScore(max),
                        (max, false) => Edge::BehindScore(max),
                    },
                ))
            }
            By::Lex => Ok(Ends::Edges(
                lex_limit(min, Edge::BeforeMember, Edge::BehindMember)?,
                lex_limit(max, Edge::BehindMember, Edge::BeforeMember)?,
            )),
        }
    }

    /// The ranks between the ends. Ranks that are given count from the top if `is_reverse`.
    pub(super) fn ranks(self, set: &SortedSet, is_reverse: bool) -> Range<usize> {
        match self {
            Ends::Ranks(start, stop) => {
                let chosen = clamp(start, stop, set.len());
                match is_reverse {
                    true => set.len() - chosen.end..set.len() - chosen.start,
                    false => chosen,
                }
            }
            Ends::Edges(min, max) => {
                let start = set.rank(min);
                start..set.rank(max).max(start)
            }
        }
    }
}

/// The places from `start` to `stop`, both included and negative ones counted from the end, of a collection of `len`.
fn clamp(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len_i64 = len as i64;
    let from_start = |place: i64| if place < 0 { place.saturating_add(len_i64) } else { place };
    let (start, stop) = (from_start(start).max(0), from_start(stop).min(len_i64 - 1));
    if start > stop {
        return 0..0;
    }
    start as usize..stop as usize + 1
}

/// Reads `1.5` or `(1.5`: the score, and whether it is outside of the range itself.
fn score_limit(text: &[u8]) -> Result<(f64, bool), Failure> {
    let (number, is_out) = match text {
        [b'(', number @ ..] => (number, true),
        number => (number, false),
    };
    Ok((score::parse_limit(number).ok_or(NOT_A_SCORE)?, is_out))
}

/// Reads `-`, `+`, `[member` or `(member`.
fn lex_limit<'a>(
    text: &'a [u8],
    included: fn(&'a [u8]) -> Edge<'a>,
    excluded: fn(&'a [u8]) -> Edge<'a>,
) -> Result<Edge<'a>, Failure> {
    match text {
        b"-" => Ok(Edge::Start),
        b"+" => Ok(Edge::End),
        [b'[', member @ ..] => Ok(included(member)),
        [b'(', member @ ..] => Ok(excluded(member)),
        _ => Err(NOT_A_MEMBER),
    }
}

/// A range with all that ZRANGE and its kin say about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    ends: Ends<'a>,
    is_reverse: bool,
    /// How many elements of the range are passed over; negative ones leave nothing.
    offset: i64,
    /// How many elements follow; negative for all.
    limit: i64,
    pub(super) with_scores: bool,
}

/// What the name of a command says already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    /// What the range is measured in, where an argument does not say it.
    pub(super) by: Option<By>,
    /// The direction, where an argument does not say it.
    pub(super) is_reverse: Option<bool>,
    /// Whether the result is stored, which has no place for WITHSCORES.
    pub(super) is_stored: bool,
}

impl<'a> Selection<'a> {
    /// Reads `min max` and the options behind them from argument `first` on.
    pub(super) fn parse(ctx: &Ctx<'a>, first: usize, fixed: Fixed) -> Result<Self, Failure> {
        let (mut by, mut is_reverse) = (fixed.by, fixed.is_reverse);
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        let mut index = first + 2;
        while index < ctx.args.len() {
            let is = |word| ctx.arg_is(index, word);
            if !fixed.is_stored && is("withscores") {
                with_scores = true;
            } else if is("limit") && index + 2 < ctx.args.len() {
                (offset, limit) = (ctx.int_arg(index + 1)?, ctx.int_arg(index + 2)?);
                index += 2;
            } else if fixed.is_reverse.is_none() && is("rev") {
                is_reverse = Some(true);
            } else if fixed.by.is_none() && is("bylex") {
                by = Some(By::Lex);
            } else if fixed.by.is_none() && is("byscore") {
                by = Some(By::Score);
            } else {
                return Err(SYNTAX);
            }
            index += 1;
        }
        let (by, is_reverse) = (by.unwrap_or(By::Rank), is_reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(LIMIT_OF_RANKS);
        }
        if with_scores && by == By::Lex {
            return Err(SCORES_OF_LEX);
        }
        let (mut min, mut max) = (ctx.arg(first), ctx.arg(first + 1));
        if is_reverse && by != By::Rank {
            (min, max) = (max, min);
        }
        Ok(Selection { ends: Ends::parse(by, min, max)?, is_reverse, offset, limit, with_scores })
    }

    /// The elements that are selected, in the order asked for, and their number.
    pub(super) fn of<'s>(&self, set: &'s SortedSet) -> (usize, std::iter::Take<super::Iter<'s>>) {
        let ranks = match usize::try_from(self.offset) {
            Ok(_) => self.ends.ranks(set, self.is_reverse),
            Err(_) => 0..0,
        };
        let offset = usize::try_from(self.offset).unwrap_or(0).min(ranks.len());
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let len = (ranks.len() - offset).min(limit);
        let elements = match (len, self.is_reverse) {
            (0, _) => set.ascend(set.len()),
            (_, true) => set.descend(ranks.end - 1 - offset),
            (_, false) => set.ascend(ranks.start + offset),
        };
        (len, elements.take(len))
    }
}
