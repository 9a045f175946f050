//! What the commands of Bloom filters share.

use super::{Bloom, Parameters, Refusal, Scaling};
use crate::dispatch::{Ctx, Failure};
use crate::keyspace::{EntryRef, ValueRef};
use crate::resp::failure::WRONG_TYPE;

/// There is no such key.
pub(super) const NOT_FOUND: Failure = Failure::Text("ERR not found");
/// It would take more memory than there is or than it may have.
pub(super) const NOT_CREATED: Failure = Failure::Text("ERR could not create filter");

/// The filter that an entry is, if there is one; an error where it is something else.
pub(super) fn bloom_of(entry: Option<EntryRef<'_>>) -> Result<Option<&Bloom>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::Bloom(bloom)) => Ok(Some(bloom)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// What a refused element is answered.
pub(super) fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "ERR non scaling filter is full",
        Refusal::TooLarge => "ERR the filter cannot grow any further",
    }
}

/// How a filter is made that nobody has reserved.
pub(super) fn default_parameters(ctx: &Ctx<'_>) -> Parameters {
    let settings = &ctx.engine.settings;
    let scaling = match settings.bf_expansion_factor {
        0 => Scaling::Never,
        factor => Scaling::By(factor),
    };
    let error_rate = settings.bf_error_rate.0;
    Parameters { error_rate, capacity: settings.bf_initial_size, scaling }
}
