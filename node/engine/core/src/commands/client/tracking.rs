//! CLIENT TRACKING and its kin: invalidation messages for client-side caches, not built yet.
//!
//! What can be answered truthfully is: nothing is tracked. A client that asks for tracking is told
//! that it gets none, rather than being left with a cache that goes stale.

use super::on_off;
use crate::dispatch::{Ctx, Failure, Outcome};

pub(super) fn tracking(ctx: &mut Ctx<'_>) -> Outcome {
    if on_off(ctx, 2)? {
        return Err(Failure::Text(
            "ERR CLIENT TRACKING is not built yet on this server; keep no client-side cache of its keys",
        ));
    }
    ctx.ok()
}

pub(super) fn trackinginfo(ctx: &mut Ctx<'_>) -> Outcome {
    let mut reply = ctx.reply();
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.int(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
    Ok(())
}

pub(super) fn getredir(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.int(-1)
}

pub(super) fn caching(_ctx: &mut Ctx<'_>) -> Outcome {
    Err(Failure::Text(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    ))
}
