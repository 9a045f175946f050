//! CLIENT PAUSE and CLIENT UNPAUSE; the mechanism is in [`crate::clients::pause`].

use crate::base::numbers::parse_i64;
use crate::clients::pause::{OwnPause, Pause};
use crate::dispatch::{Ctx, Failure, Outcome};

pub(super) fn pause(ctx: &mut Ctx<'_>) -> Outcome {
    let all = match ctx.args.len() {
        3 => true,
        4 if ctx.arg_is(3, "write") => false,
        4 if ctx.arg_is(3, "all") => true,
        _ => return Err(Failure::Text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let now_ms = ctx.engine.clock.boot_ms;
    let until_boot_ms = match parse_i64(ctx.arg(2)) {
        Some(..=-1) => return Err(Failure::Text("ERR timeout is negative")),
        Some(timeout_ms) => now_ms.checked_add(timeout_ms),
        None => None,
    };
    let until_boot_ms =
        until_boot_ms.ok_or(Failure::Text("ERR timeout is not an integer or out of range"))?;
    ctx.engine.clients.pauses.clients.extend(Pause { until_boot_ms, all });
    ctx.engine.combine_pauses();
    ctx.ok()
}

pub(super) fn unpause(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.clients.pauses.clients = OwnPause::default();
    ctx.engine.combine_pauses();
    ctx.ok()
}
