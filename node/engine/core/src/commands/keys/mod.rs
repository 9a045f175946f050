//! Commands on keys of any type.
//!
//! [`delete`]: existence and removal. [`expire`]: times to live. [`rename`]: names and places. [`scan`]: looking for
//! keys. [`object`]: what a key's value looks like inside. [`database`]: all keys at once.

pub mod database;
pub mod delete;
pub mod expire;
pub mod object;
pub mod rename;
pub mod scan;

#[cfg(test)]
mod tests;

use crate::dispatch::{Ctx, Failure};

/// Argument `index` as the number of a database.
fn database_number(ctx: &Ctx<'_>, index: usize) -> Result<usize, Failure> {
    let number = ctx.int_arg(index)?;
    usize::try_from(number)
        .ok()
        .filter(|&number| number < ctx.engine.keyspace.dbs.len())
        .ok_or(Failure::Text("ERR DB index is out of range"))
}
