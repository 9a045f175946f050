//! Subcommands of DEBUG about the process and its clients.

use super::{switch, unknown};
use crate::base::numbers::parse_f64;
use crate::base::process::Crash;
use crate::clients::origin::Origin;
use crate::dispatch::{Ctx, Failure, Outcome};
use crate::engine::effects::Level;

/// Stops the thread within the command, so that whatever measures commands sees it.
pub(super) fn sleep(ctx: &mut Ctx<'_>) -> Outcome {
    const SECONDS_MAX: f64 = 3600.0;
    let seconds = parse_f64(ctx.arg(2)).unwrap_or(0.0).clamp(0.0, SECONDS_MAX);
    (ctx.engine.host.sleep)((seconds * 1_000_000.0) as u64);
    ctx.ok()
}

pub(super) fn segfault(ctx: &mut Ctx<'_>) -> Outcome {
    (ctx.engine.host.crash)(Crash::Segfault);
    ctx.ok()
}

pub(super) fn abort(ctx: &mut Ctx<'_>) -> Outcome {
    (ctx.engine.host.crash)(Crash::Abort);
    ctx.ok()
}

pub(super) fn leak(ctx: &mut Ctx<'_>) -> Outcome {
    std::mem::forget(ctx.arg(2).to_vec());
    ctx.ok()
}

pub(super) fn log(ctx: &mut Ctx<'_>) -> Outcome {
    let message = format!("DEBUG LOG: {}", String::from_utf8_lossy(ctx.arg(2)));
    ctx.engine.log(Level::Warning, message);
    ctx.ok()
}

pub(super) fn set_active_expire(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.keyspace.active_expiry = switch(ctx, 2);
    ctx.ok()
}

pub(super) fn skip_checksums(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.switches.skips_checksums = switch(ctx, 2);
    ctx.ok()
}

pub(super) fn pause_cron(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.switches.cron_is_paused = switch(ctx, 2);
    ctx.ok()
}

pub(super) fn change_replication_id(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.replication.history.renew();
    ctx.ok()
}

/// Appends a command to the stream that was not carried out here.
pub(super) fn replicate(ctx: &mut Ctx<'_>) -> Outcome {
    let words: Vec<&[u8]> = ctx.args.iter_from(2).collect();
    ctx.engine.queue_propagation(ctx.scope(), crate::resp::OwnedArgs::from_slices(&words));
    ctx.ok()
}

pub(super) fn reply_buffer(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.arg_is(2, "peak-reset-time") {
        if !ctx.arg_is(3, "never") && !ctx.arg_is(3, "reset") {
            ctx.int_arg(3)?;
        }
    } else if !ctx.arg_is(2, "resizing") {
        return Err(unknown(ctx));
    }
    ctx.ok()
}

/// Bits of the size from which on clients are counted in the next bucket, and of the largest such size.
const BUCKET_BITS: std::ops::RangeInclusive<u32> = 15..=32;

/// How many clients hold how much memory, by powers of two.
pub(super) fn client_eviction(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.settings.maxmemory_clients.bytes(ctx.engine.settings.maxmemory) == 0 {
        return Err(Failure::Text("ERR maxmemory-clients is disabled."));
    }
    let (first, last) = (*BUCKET_BITS.start(), *BUCKET_BITS.end());
    let mut buckets = vec![(0_usize, 0_usize); (last - first + 2) as usize];
    let clients = ctx.engine.clients.sessions.iter().filter(|session| session.origin == Origin::Client);
    for session in clients {
        let bytes = session.memory_bytes();
        let bits = usize::BITS - bytes.leading_zeros();
        let (sum, count) = &mut buckets[(bits.clamp(first, last + 1) - first) as usize];
        *sum += bytes;
        *count += 1;
    }
    let mut text = String::new();
    for (bits, (sum, count)) in (first..).zip(buckets) {
        let from = if bits == first { 0 } else { 1_u64 << (bits - 1) };
        let range = if bits > last {
            format!("{from:>10}+            ")
        } else {
            format!("{from:>10} - {:>10}", (1_u64 << bits) - 1)
        };
        text.push_str(&format!("bucket {range}: tot-mem: {sum:>10}, clients: {count}\n"));
    }
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}
