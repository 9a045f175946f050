//! What the commands of bitmaps share, and others that compute strings.

use crate::base::numbers::parse_i64;
use crate::dispatch::{Ctx, Failure};
use crate::keyspace::{Content, KeyRef};
use crate::types::string::options::string_len;

const NOT_AN_OFFSET: Failure = Failure::Text("ERR bit offset is not an integer or out of range");

/// The position of a bit that an argument gives. A `#` before it counts in integers of `bits` bits, where there
/// are any. What our primary asks for is done, whatever the limit.
pub(super) fn bit_offset(ctx: &Ctx<'_>, text: &[u8], bits: Option<u32>) -> Result<u64, Failure> {
    let (digits, factor) = match (text, bits) {
        ([b'#', digits @ ..], Some(bits)) => (digits, i64::from(bits)),
        _ => (text, 1),
    };
    let bytes_max = ctx.engine.settings.proto_max_bulk_len;
    parse_i64(digits)
        .and_then(|number| number.checked_mul(factor))
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < bytes_max || ctx.origin().skips_checks())
        .ok_or(NOT_AN_OFFSET)
}

/// Makes a string reach up to a bit, with zeros behind what it had. Tells whether that made a difference, and
/// whether the key was there.
pub(super) fn make_room(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, last_bit: u64) -> Result<(bool, bool), Failure> {
    let bytes = (last_bit / 8) as usize + 1;
    let length = match ctx.find(key) {
        None => None,
        Some(entry) => Some(string_len(entry.value()).ok_or(crate::resp::failure::WRONG_TYPE)?),
    };
    match length {
        None => {
            store_bytes(ctx, key, vec![0; bytes]);
            Ok((true, false))
        }
        Some(length) if length < bytes => {
            ctx.db().update_string(key, |text| text.resize(bytes, 0));
            Ok((true, true))
        }
        Some(_) => Ok((false, true)),
    }
}

/// Stores bytes that were computed: they are no integer, and their encoding is `raw` however few they are.
pub(crate) fn store_bytes(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, bytes: Vec<u8>) -> bool {
    let clock = ctx.clock_to_store(key, false);
    ctx.db().set_content(key, Content::computed(bytes), clock)
}

/// Changes the bytes of a string but not their number.
pub(crate) fn change_bytes<T>(
    ctx: &mut Ctx<'_>,
    key: &KeyRef<'_>,
    change: impl FnOnce(&mut [u8]) -> T,
) -> Option<T> {
    if let Some(bytes) = ctx.db().string_bytes_mut(key) {
        return Some(change(bytes));
    }
    // An integer becomes text first.
    let mut result = None;
    ctx.db().update_string(key, |text| result = Some(change(text)));
    result
}
