//! What the commands of strings share: times, options, and what is told of a string that was stored.

use crate::base::numbers::parse_i64;
use crate::dispatch::{Ctx, Failure};
use crate::keyspace::{KeyRef, ValueRef};
use crate::resp::failure::{NOT_AN_INTEGER, SYNTAX};
use crate::settings::NotifyClass;

/// How the times of EX, PX and their kin are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeUnit {
    /// In seconds rather than milliseconds.
    pub seconds: bool,
    /// Since 1970 rather than from now on.
    pub absolute: bool,
}

impl TimeUnit {
    /// The unit that an option's name stands for.
    pub fn of_option(option: &[u8]) -> Option<TimeUnit> {
        let unit = |seconds, absolute| Some(TimeUnit { seconds, absolute });
        match option.to_ascii_lowercase().as_slice() {
            b"ex" => unit(true, false),
            b"px" => unit(false, false),
            b"exat" => unit(true, true),
            b"pxat" => unit(false, true),
            _ => None,
        }
    }

    /// The time that an argument of a SET-like command stands for, in Unix milliseconds.
    pub fn expiry_ms(self, ctx: &Ctx<'_>, text: &[u8]) -> Result<i64, Failure> {
        let given = parse_i64(text).ok_or(NOT_AN_INTEGER)?;
        let scaled = given.checked_mul(if self.seconds { 1000 } else { 1 });
        let from = if self.absolute { 0 } else { ctx.now_ms() };
        scaled
            .filter(|_| given > 0)
            .and_then(|scaled| scaled.checked_add(from))
            .ok_or_else(|| invalid_expire_time(ctx))
    }
}

/// The options behind key and value of SET, or behind the key of GETEX.
#[derive(Default)]
pub(super) struct StringOptions<'a> {
    pub(super) if_missing: bool,
    pub(super) if_there: bool,
    /// What the string must be now.
    pub(super) if_equal: Option<&'a [u8]>,
    pub(super) get: bool,
    pub(super) keep_ttl: bool,
    pub(super) persist: bool,
    /// The unit and the argument; a later one of the same unit wins.
    pub(super) expiry: Option<(TimeUnit, &'a [u8])>,
}

impl<'a> StringOptions<'a> {
    pub(super) fn parse(ctx: &Ctx<'a>, mut index: usize, is_set: bool) -> Result<Self, Failure> {
        let mut options = StringOptions::default();
        while let Some(option) = ctx.args.try_get(index) {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let has_no_time = options.expiry.is_none() && !options.keep_ttl && !options.persist;
            let has_no_value = options.if_equal.is_none();
            if is_set && is("nx") && !options.if_there && has_no_value {
                options.if_missing = true;
            } else if is_set && is("xx") && !options.if_missing && has_no_value {
                options.if_there = true;
            } else if is_set && is("ifeq") && !options.if_missing && !options.if_there && has_no_value {
                index += 1;
                options.if_equal = Some(ctx.args.try_get(index).ok_or(SYNTAX)?);
            } else if is_set && is("get") {
                options.get = true;
            } else if is_set && is("keepttl") && (has_no_time || options.keep_ttl) {
                options.keep_ttl = true;
            } else if !is_set && is("persist") && (has_no_time || options.persist) {
                options.persist = true;
            } else {
                index += 1;
                let unit = TimeUnit::of_option(option).ok_or(SYNTAX)?;
                let fits = options.expiry.map_or(has_no_time, |(earlier, _)| earlier == unit);
                let text = ctx.args.try_get(index).filter(|_| fits).ok_or(SYNTAX)?;
                options.expiry = Some((unit, text));
            }
            index += 1;
        }
        Ok(options)
    }

    pub(super) fn expiry_ms(&self, ctx: &Ctx<'_>) -> Result<Option<i64>, Failure> {
        self.expiry.map(|(unit, text)| unit.expiry_ms(ctx, text)).transpose()
    }
}

/// The time given to the running command makes no sense.
pub fn invalid_expire_time(ctx: &Ctx<'_>) -> Failure {
    Failure::new(format!("ERR invalid expire time in '{}' command", ctx.entry.full_name))
}

/// Refuses a string that would become longer than any argument may be.
pub(super) fn check_length(ctx: &Ctx<'_>, length: usize, more: usize) -> Result<(), Failure> {
    let length_max = ctx.engine.settings.proto_max_bulk_len as usize;
    match length.checked_add(more) {
        Some(length) if length <= length_max => Ok(()),
        _ => Err(Failure::Text("ERR string exceeds maximum allowed size (proto-max-bulk-len)")),
    }
}

/// The length of a string value; nothing for other types.
pub(crate) fn string_len(value: ValueRef<'_>) -> Option<usize> {
    value.string(&mut itoa::Buffer::new()).map(<[u8]>::len)
}

impl Ctx<'_> {
    /// A key got a string: counts and announces it.
    #[inline]
    pub(crate) fn string_stored(&mut self, key: &KeyRef<'_>, existed: bool, event: &str) {
        if !existed {
            self.created(key.bytes);
        }
        self.changed(key.bytes, NotifyClass::STRING, event, 1);
    }
}
