//! What the control plane asks, carried out on the engine.

use garrison_engine_core::engine::effects::Action;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::persistence::state::disk::DiskOrder;

use crate::mailbox::{PauseMode, Request};
use crate::reactor::Reactor;

impl Reactor {
    /// Takes everything that waits in the mailbox.
    pub(crate) fn take_requests(&mut self) {
        for request in self.mailbox.drain() {
            self.take_request(request);
        }
    }

    fn take_request(&mut self, request: Request) {
        match apply(&mut self.engine, request) {
            Some(Request::Resolved { question, addresses }) => self.resolved(question, &addresses),
            Some(Request::LogOpened { order, file }) => drop(self.opened_log_files.insert(order, file)),
            Some(Request::Stop) => self.stopping = true,
            _ => {}
        }
    }

    /// Carries out an action that concerns more than one client's connection.
    pub(crate) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Flush(key) => self.unsent.push(key),
            Action::Resume(key) => self.resume(key),
            Action::Follow { host, port, channel } => self.follow(&host, port, channel),
            Action::Unfollow(channel) => self.unfollow(channel),
            Action::Disk(order) => {
                match &order {
                    DiskOrder::SwitchLog { file } => {
                        self.log_file = self.opened_log_files.remove(file).or(self.log_file.take());
                    }
                    DiskOrder::ForgetLog { file } => drop(self.opened_log_files.remove(file)),
                    DiskOrder::CloseLog => self.log_file = None,
                    _ => {}
                }
                self.files.give(order, &self.mailbox);
            }
            Action::Migrate(job) => {
                self.migrations.send(job, &mut self.engine, self.poll.registry(), &self.mailbox);
            }
        }
    }

    /// The resolver has answered.
    fn resolved(&mut self, question: u64, addresses: &Result<Vec<std::net::SocketAddr>, String>) {
        self.primary_resolved(question, addresses);
        self.migrations.resolved(question, addresses, &mut self.engine, self.poll.registry());
    }
}

/// Carries out a request on the engine; one that concerns the reactor alone comes back.
pub fn apply(engine: &mut Engine, request: Request) -> Option<Request> {
    match request {
        Request::Reply { ticket, reply } => engine.control_reply(ticket, &reply),
        Request::Apply { ticket, values } => {
            engine.apply_settings(ticket, values.into_iter().collect());
        }
        Request::InstallSlots { table } => engine.install_slots(table),
        Request::ExtendLease { until_boot_ms } => engine.extend_lease(until_boot_ms),
        Request::Follow { host, port, order } => engine.follow_by_order(&host, port, order),
        Request::Promote { order } => engine.promote_by_order(order),
        Request::Pause { until_boot_ms, mode } => engine.pause(until_boot_ms, mode == PauseMode::All),
        Request::Unpause => engine.unpause(),
        Request::ReleaseHold { round } => engine.release_hold(round),
        Request::FollowInHold { host, port, round } => engine.follow_in_hold(&host, port, round),
        Request::WatchSleep { ms_max } => {
            engine.cluster.hold.sleep_ms_max = ms_max;
            engine.cluster.hold.worked_ms = crate::clock::worked_ms();
        }
        Request::Run { ticket, args } => engine.run_internal(ticket, args.view()),
        Request::FunctionRead { ticket, commands } => engine.function_read(ticket, &commands),
        Request::FunctionCommit { ticket, commands, pieces, holes } => {
            engine.function_commit(ticket, &commands, &pieces, &holes);
        }
        Request::Publish { channel, message, sharded } => {
            engine.publish(&channel, &message, sharded);
        }
        Request::DropSlots { ranges } => engine.drop_slots(&ranges),
        Request::CloseClients { ids } => engine.close_clients(&ids),
        Request::Empty => engine.empty(),
        Request::InfoFields { values } => engine.host.facts.extend(values),
        Request::Serve => engine.serve_loaded(),
        Request::Persist { ticket, snapshot } => engine.persist(ticket, snapshot),
        Request::Disk { report } => engine.disk_report(report),
        other @ (Request::Resolved { .. } | Request::LogOpened { .. } | Request::Stop) => return Some(other),
    }
    None
}
