//! What INFO's replication section and ROLE show.

use std::fmt::Write;

use super::state::link::Link;
use crate::base::clock::BootMs;
use crate::engine::Engine;
use crate::resp::reply::Reply;

impl Engine {
    /// Writes the fields of INFO's replication section, a line each.
    pub fn replication_info(&self, out: &mut String) {
        let replication = &self.replication;
        field(out, "role", if replication.is_replica() { "slave" } else { "master" });
        if let (Some(primary), Some(link)) = (&replication.primary, &replication.link) {
            field(out, "master_host", &primary.host);
            field(out, "master_port", primary.port);
            self.link_info(link, out);
        }
        let replicas = || replication.replicas.list.iter().filter(|replica| replica.is_shown());
        field(out, "connected_slaves", replicas().count());
        if self.settings.min_replicas_to_write > 0 && self.settings.min_replicas_max_lag > 0 {
            field(out, "min_slaves_good_slaves", self.good_replicas());
        }
        for (number, replica) in replicas().enumerate() {
            let lag = if replica.is_online() { replica.lag_seconds(self.clock.boot_ms) } else { 0 };
            let (ip, port, state) = (replica.ip(), replica.introduction.port, replica.state_name());
            let _ = write!(
                out,
                "slave{number}:ip={ip},port={port},state={state},offset={},lag={lag},lag_bytes={},lag_ms={}\r\n",
                replica.acked,
                replication.offset().saturating_sub(replica.acked),
                replication.timeline.age_ms(replica.acked, self.clock.boot_ms),
            );
        }
        field(out, "master_failover_state", replication.failover.stage.name());
        self.hold_info(out);
        field(out, "master_replid", replication.history.id);
        field(out, "master_replid2", replication.history.previous);
        field(out, "master_repl_offset", replication.offset());
        // Redis names the first offset that is not shared, counted from one.
        let parted_at = replication.history.parted_at.map_or(-1, |offset| offset as i64 + 1);
        field(out, "second_repl_offset", parted_at);
        let kept = replication.is_kept;
        let waiting = replication.replicas.list.iter().filter(|replica| replica.waits_for_second_channel());
        field(out, "replicas_waiting_psync", waiting.count());
        field(out, "repl_backlog_active", u8::from(kept));
        field(out, "repl_backlog_size", self.settings.repl_backlog_size);
        field(out, "repl_backlog_first_byte_offset", if kept { replication.stream.start() + 1 } else { 0 });
        let length = if kept { replication.offset() - replication.stream.start() } else { 0 };
        field(out, "repl_backlog_histlen", length);
    }

    fn link_info(&self, link: &Link, out: &mut String) {
        let now_ms = self.clock.boot_ms;
        let seconds_since = |at_ms: BootMs| (now_ms - at_ms).max(0) / 1000;
        field(out, "master_link_status", if link.is_online() { "up" } else { "down" });
        let last_io = if link.is_online() { seconds_since(link.last_io_ms) } else { -1 };
        field(out, "master_last_io_seconds_ago", last_io);
        let is_syncing = link.phase.is_syncing();
        field(out, "master_sync_in_progress", u8::from(is_syncing));
        let offset = self.replication.offset();
        field(out, "slave_read_repl_offset", offset + link.held.len());
        field(out, "slave_repl_offset", offset);
        if !link.held.is_empty() {
            field(out, "replica_full_sync_buffer_size", link.held.len());
        }
        if is_syncing {
            let loader = link.loader.as_ref();
            let read = loader.map_or(0, |loader| loader.bytes);
            let total = loader.and_then(|loader| loader.bytes_expected());
            field(out, "master_sync_total_bytes", total.unwrap_or(0));
            field(out, "master_sync_read_bytes", read);
            field(out, "master_sync_left_bytes", total.map_or(0, |total| total.saturating_sub(read)));
            let percent =
                total.filter(|total| *total > 0).map_or(0.0, |total| read as f64 * 100.0 / total as f64);
            field(out, "master_sync_perc", format_args!("{percent:.2}"));
            field(out, "master_sync_last_io_seconds_ago", seconds_since(link.last_io_ms));
        }
        if !link.is_online() {
            field(out, "master_link_down_since_seconds", seconds_since(link.down_since_ms));
        }
        if let Some(refused) = &self.replication.guard.refused {
            let (id, offset, keys) = (refused.id, refused.offset, refused.keys);
            field(
                out,
                "master_sync_refused",
                format_args!("younger-history,replid={id},offset={offset},keys={keys}"),
            );
        }
        field(out, "slave_priority", self.settings.replica_priority);
        field(out, "slave_read_only", u8::from(self.settings.replica_read_only));
        field(out, "replica_announced", u8::from(self.settings.replica_announced));
    }

    fn hold_info(&self, out: &mut String) {
        if let Some(text) = self.host.facts.get("sentinel_hold") {
            field(out, "sentinel_hold", text);
        }
    }

    /// Writes the reply to ROLE.
    pub(super) fn describe_role(&self, reply: &mut Reply<'_>) {
        let replication = &self.replication;
        if let (Some(primary), Some(link)) = (&replication.primary, &replication.link) {
            reply.array(5);
            reply.bulk(b"slave");
            reply.bulk(primary.host.as_bytes());
            reply.int(primary.port.into());
            reply.bulk(link.phase.name().as_bytes());
            // As the peers: without a link no offset is known to be the primary's.
            reply.int(if link.is_online() { replication.offset() as i64 } else { -1 });
            return;
        }
        let online = || replication.replicas.list.iter().filter(|replica| replica.is_online());
        reply.array(3);
        reply.bulk(b"master");
        reply.int(replication.offset() as i64);
        reply.array(online().count());
        for replica in online() {
            reply.array(3);
            reply.bulk(replica.ip().as_bytes());
            reply.bulk_int(replica.introduction.port.into());
            reply.bulk_int(replica.acked as i64);
        }
    }
}

fn field(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(out, "{name}:{value}\r\n");
}
