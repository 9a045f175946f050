//! FAILOVER: a primary hands its role to one of its replicas, and no acknowledged write is lost.
//!
//! ```text
//! none -> waiting for sync -> in progress -> none          this node is a replica
//!  ^            |                  |
//!  '- ABORT, TIMEOUT, no replica --'- ABORT, refusal       this node is a primary, as before
//! ```
//!
//! BACKGROUND. An unplanned failover may lose what the replica had not received. A planned one need not: the
//! primary stops writing, waits until a replica has applied all there is, and only then gives the role away.
//!
//! INVARIANTS. From the command to the end of it no client changes data here: writes are held by a pause of its
//! own, which CLIENT UNPAUSE does not end. The target is asked only when it has acknowledged the whole stream,
//! unless FORCE was given. It promotes itself by `PSYNC <id> <offset> FAILOVER`, in one step with going on from
//! our offset, so the two never write under one identity. While it is not known whether the target has heard
//! that, this node does not become a primary again by itself.
//!
//! BEHAVIOUR. Replies, errors and INFO's states are those of Redis 7.0. Held clients go on when this node is a
//! replica, and are told READONLY. Beyond Redis: acknowledgements are asked for at once; where no replica is
//! left that could take over, it ends, as none can come back meanwhile; and when the target's answer was lost and
//! the target is a primary by now, this node follows it.

use super::state::failover::{Failover, Stage};
use super::state::replicas::Replica;
use super::state::{Primary, Replication};
use crate::base::clock::BootMs;
use crate::clients::pause::{OwnPause, Pause};
use crate::dispatch::{Ctx, Failure, Outcome};
use crate::engine::effects::Level;
use crate::engine::Engine;
use crate::resp::failure::SYNTAX;

/// A replica that acknowledged all but our question may have written that before it read the question. This
/// long after it, the question has been read as well; in milliseconds.
const STRAY_ACK_WAIT_MS: i64 = 5;

/// The command FAILOVER.
pub(super) fn failover(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.settings.cluster_enabled {
        return Err(Failure::Text("ERR FAILOVER not allowed in cluster mode."));
    }
    if ctx.args.len() == 2 && ctx.arg_is(1, "abort") {
        if ctx.engine.replication.failover.stage == Stage::None {
            return Err(Failure::Text("ERR No failover in progress."));
        }
        ctx.engine.abort_failover("it was called off by FAILOVER ABORT");
        return ctx.ok();
    }
    let wanted = Wanted::read(ctx)?;
    let failover = ctx.engine.check_failover(&wanted)?;
    ctx.engine.begin_failover(failover);
    ctx.ok()
}

/// The arguments of FAILOVER.
#[derive(Default)]
struct Wanted {
    target: Option<(String, i64)>,
    timeout_ms: i64,
    is_forced: bool,
}

impl Wanted {
    fn read(ctx: &Ctx<'_>) -> Result<Self, Failure> {
        let mut wanted = Wanted::default();
        let mut at = 1;
        while at < ctx.args.len() {
            let left = ctx.args.len() - at - 1;
            if ctx.arg_is(at, "timeout") && left >= 1 && wanted.timeout_ms == 0 {
                wanted.timeout_ms = ctx.int_arg(at + 1)?;
                if wanted.timeout_ms <= 0 {
                    return Err(Failure::Text("ERR FAILOVER timeout must be greater than 0"));
                }
                at += 2;
            } else if ctx.arg_is(at, "to") && left >= 2 && wanted.target.is_none() {
                let port = ctx.int_arg(at + 2)?;
                wanted.target = Some((String::from_utf8_lossy(ctx.arg(at + 1)).into_owned(), port));
                at += 3;
            } else if ctx.arg_is(at, "force") && !wanted.is_forced {
                wanted.is_forced = true;
                at += 1;
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(wanted)
    }
}

impl Engine {
    fn check_failover(&self, wanted: &Wanted) -> Result<Failover, Failure> {
        let replication = &self.replication;
        if replication.failover.stage != Stage::None {
            return Err(Failure::Text("ERR FAILOVER already in progress."));
        }
        if replication.is_replica() {
            return Err(Failure::Text("ERR FAILOVER is not valid when server is a replica."));
        }
        if replication.replicas.list.is_empty() {
            return Err(Failure::Text("ERR FAILOVER requires connected replicas."));
        }
        if wanted.is_forced && (wanted.timeout_ms == 0 || wanted.target.is_none()) {
            return Err(Failure::Text(
                "ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
            ));
        }
        let target = match &wanted.target {
            Some((host, port)) => Some(replication.online_replica(host, *port)?),
            None => None,
        };
        let deadline_ms =
            (wanted.timeout_ms > 0).then(|| self.clock.boot_ms.saturating_add(wanted.timeout_ms));
        let stage = Stage::WaitingForSync;
        Ok(Failover { stage, target, is_forced: wanted.is_forced, deadline_ms, ..Failover::default() })
    }

    fn begin_failover(&mut self, failover: Failover) {
        self.log(Level::Notice, format!("FAILOVER requested to {}.", failover.target_text()));
        self.replication.failover = failover;
        self.clients.pauses.failover.extend(Pause { until_boot_ms: BootMs::MAX, all: false });
        self.combine_pauses();
    }

    /// Once a turn: hands over when a replica has everything, and gives up when none will.
    pub(super) fn serve_failover(&mut self) {
        if self.replication.failover.stage != Stage::WaitingForSync {
            return;
        }
        let now_ms = self.clock.boot_ms;
        let is_due = self.replication.failover.deadline_ms.is_some_and(|deadline_ms| now_ms >= deadline_ms);
        if let Some(target) = self.replication.replica_with_all(now_ms) {
            self.log(
                Level::Notice,
                format!("Failover target {}:{} is synced, failing over.", target.host, target.port),
            );
            self.hand_over(target);
        } else if is_due && self.replication.failover.is_forced {
            let text = self.replication.failover.target_text();
            self.log(Level::Notice, format!("Failover to {text} time out exceeded, failing over."));
            if let Some(target) = self.replication.failover.target.clone() {
                self.hand_over(target);
            }
        } else if is_due {
            self.abort_failover("no replica had everything before the timeout");
        } else if !self.replication.failover.is_forced && !self.replication.may_take_over() {
            self.abort_failover("the replica that was to take over is no longer connected");
        } else {
            self.replication.ask_for_acks();
        }
    }

    /// Follows the target, which promotes itself when it is asked for the stream.
    fn hand_over(&mut self, target: Primary) {
        self.start_following(target.clone());
        if let Some(link) = &mut self.replication.link {
            link.hands_over = true;
        }
        let failover = &mut self.replication.failover;
        failover.stage = Stage::InProgress;
        failover.target = Some(target);
    }

    /// Gives a failover up: this node is a primary, as before.
    pub(super) fn abort_failover(&mut self, why: &str) {
        let text = self.replication.failover.target_text();
        self.log(Level::Notice, format!("FAILOVER to {text} aborted: {why}"));
        if self.replication.failover.stage == Stage::InProgress {
            self.promote();
        }
        self.end_failover();
    }

    /// Ends a failover, one way or the other: held writes go on.
    pub(super) fn end_failover(&mut self) {
        if self.replication.failover.stage != Stage::None {
            self.replication.failover = Failover::default();
            self.clients.pauses.failover = OwnPause::default();
            self.combine_pauses();
        }
    }

    /// The target refused: aborts, or follows it where it has been asked before and is a primary since.
    pub(super) fn failover_refused(&mut self, why: &str) {
        let was_asked_before = self.replication.link.as_ref().is_some_and(|link| link.times_asked > 1);
        if was_asked_before && why.contains("be sent to a master") {
            self.log(Level::Notice, "The failover's target has taken over: its answer was lost before");
            self.end_failover();
            if let Some(link) = &mut self.replication.link {
                link.hands_over = false;
            }
            self.lose_link("the handshake begins again, without FAILOVER");
        } else {
            self.abort_failover(&format!("the target refused with '{why}'"));
        }
    }

    /// When a failover has something to do that no event announces, in milliseconds of the boot clock.
    pub(crate) fn failover_deadline_boot_ms(&self) -> Option<BootMs> {
        let failover = &self.replication.failover;
        if failover.stage != Stage::WaitingForSync {
            return None;
        }
        let settled_ms = self.replication.all_but_question().min();
        failover.deadline_ms.into_iter().chain(settled_ms).min()
    }
}

impl Replication {
    fn online_replica(&self, host: &str, port: i64) -> Result<Primary, Failure> {
        let is_meant =
            |replica: &&Replica| replica.ip() == host && i64::from(replica.introduction.port) == port;
        let replica = self
            .replicas
            .list
            .iter()
            .find(is_meant)
            .ok_or(Failure::Text("ERR FAILOVER target HOST and PORT is not a replica."))?;
        if !replica.is_online() {
            return Err(Failure::Text("ERR FAILOVER target replica is not online."));
        }
        Ok(Primary { host: host.to_owned(), port: replica.introduction.port })
    }

    /// The replicas that are meant, in sync or not.
    fn meant(&self) -> impl Iterator<Item = &Replica> {
        let target = self.failover.target.as_ref();
        self.replicas.list.iter().filter(move |replica| {
            let is_it =
                |target: &Primary| replica.ip() == target.host && replica.introduction.port == target.port;
            replica.introduction.port != 0 && target.is_none_or(is_it)
        })
    }

    /// Whether somebody is connected who may take over now or later.
    fn may_take_over(&self) -> bool {
        self.meant().next().is_some()
    }

    /// The replicas that are meant and get the stream.
    fn candidates(&self) -> impl Iterator<Item = &Replica> {
        self.meant().filter(|replica| replica.is_online())
    }

    /// A replica that has applied the whole stream.
    fn replica_with_all(&self, now_ms: BootMs) -> Option<Primary> {
        let end = self.offset();
        let lacks_question =
            |acked: u64| self.failover.asked.is_some_and(|(from, to)| to == end && acked >= from);
        let replica = self.candidates().find(|replica| {
            replica.acked >= end
                || (lacks_question(replica.acked) && now_ms - replica.acked_ms >= STRAY_ACK_WAIT_MS)
        })?;
        Some(Primary { host: replica.ip().to_owned(), port: replica.introduction.port })
    }

    /// When replicas that acknowledged all but our question are taken to have read it, in boot milliseconds.
    fn all_but_question(&self) -> impl Iterator<Item = BootMs> + '_ {
        let from =
            self.failover.asked.filter(|(_, to)| *to == self.offset()).map_or(u64::MAX, |(from, _)| from);
        let replicas = self.candidates().filter(move |replica| replica.acked >= from);
        replicas.map(|replica| replica.acked_ms + STRAY_ACK_WAIT_MS)
    }

    /// Asks the replicas how far they are, unless they have been asked since the last change.
    fn ask_for_acks(&mut self) {
        let before = self.offset();
        if self.failover.asked.is_some_and(|(_, to)| to == before) {
            return;
        }
        self.feed_service(&[b"REPLCONF", b"GETACK", b"*"]);
        self.failover.asked = Some((before, self.offset()));
    }
}
