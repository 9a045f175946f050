//! MIGRATE's side of the sockets: requests to other nodes, and their replies.
//!
//! One connection a target, kept for a while; its jobs are sent one behind the other without waiting,
//! and replies come back in order. Jobs of a turn that want the same WAIT share one behind them, as each is a
//! round trip of the target to its replicas. A connection that fails, fails all its jobs: the engine still has
//! every key, so nothing is lost and MIGRATE can be given again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::clients::session::MigrationTicket;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::migration::state::{Job, Wait};
use mio::{Registry, Token};

use crate::mailbox::Mailbox;
use crate::outbound::{Outbound, Progress};

/// An idle connection to a target is closed after this long.
const IDLE_MS_MAX: i64 = 10_000;
/// Longest reply line to a RESTORE; a target that sends more is not speaking our protocol.
const REPLY_LINE_BYTES_MAX: usize = 64 * 1024;

struct Pending {
    ticket: MigrationTicket,
    replies_missing: usize,
    replies: Vec<String>,
    waits: bool,
    deadline_ms: BootMs,
}

/// Something whose replies are to come, in the order in which it was sent.
enum Sent {
    Job(Pending),
    /// A WAIT for so many jobs.
    Wait(usize),
}

struct Target {
    link: Outbound,
    sent: VecDeque<Sent>,
    /// Jobs that have all replies but that of their WAIT.
    restored: VecDeque<Pending>,
    /// The WAIT that the youngest jobs of this turn share, and how many they are.
    wait: Option<(Wait, usize)>,
    input: Vec<u8>,
    last_used_ms: BootMs,
}

impl Target {
    /// The jobs under way, the oldest first.
    fn jobs(&self) -> impl Iterator<Item = &Pending> {
        self.restored.iter().chain(self.sent.iter().filter_map(|sent| match sent {
            Sent::Job(job) => Some(job),
            Sent::Wait(_) => None,
        }))
    }

    /// Appends the WAIT of the jobs that share it so far.
    fn end_sharing(&mut self) {
        if let Some((wait, jobs)) = self.wait.take() {
            wait.encode(&mut self.link.out);
            self.sent.push_back(Sent::Wait(jobs));
        }
    }
}

/// Connections to migration targets.
pub struct Migrations {
    targets: HashMap<usize, Target>,
    by_address: HashMap<(String, u16), usize>,
    tokens: std::ops::Range<usize>,
    scratch: Vec<u8>,
}

impl Migrations {
    /// `tokens` are the poll's tokens that belong to migrations.
    pub fn new(tokens: std::ops::Range<usize>) -> Self {
        Migrations { targets: HashMap::new(), by_address: HashMap::new(), tokens, scratch: Vec::new() }
    }

    /// Sends a job to its target.
    pub fn send(&mut self, job: Job, engine: &mut Engine, registry: &Registry, mailbox: &Arc<Mailbox>) {
        let now_ms = engine.clock.boot_ms;
        let address = (job.host.clone(), job.port);
        let token = match self.by_address.get(&address) {
            Some(token) => *token,
            None => match self.connect(&address, now_ms, registry, mailbox) {
                Ok(token) => token,
                Err(error) => return engine.migration_ended(job.ticket, Err(error)),
            },
        };
        let Some(target) = self.targets.get_mut(&token) else { return };
        if target.wait.is_some_and(|(wait, _)| job.wait != Some(wait)) {
            target.end_sharing();
        }
        target.link.out.extend_from_slice(&job.request);
        target.last_used_ms = now_ms;
        target.sent.push_back(Sent::Job(Pending {
            ticket: job.ticket,
            replies_missing: job.replies,
            replies: Vec::with_capacity(job.replies + 1),
            waits: job.wait.is_some(),
            deadline_ms: now_ms.saturating_add(job.timeout_ms as i64),
        }));
        if let Some(wait) = job.wait {
            let jobs = target.wait.map_or(0, |(_, jobs)| jobs);
            target.wait = Some((wait, jobs + 1));
        }
    }

    /// At the end of a turn: sends what its jobs have left, and the WAIT behind them.
    pub fn flush(&mut self, engine: &mut Engine, registry: &Registry) {
        let mut failed = Vec::new();
        for (token, target) in &mut self.targets {
            target.end_sharing();
            if let Err(error) = target.link.flush() {
                failed.push((*token, error));
            }
        }
        for (token, error) in failed {
            self.fail(token, &error, engine, registry);
        }
    }

    fn connect(
        &mut self,
        address: &(String, u16),
        now_ms: BootMs,
        registry: &Registry,
        mailbox: &Arc<Mailbox>,
    ) -> Result<usize, String> {
        let free = self.tokens.clone().find(|token| !self.targets.contains_key(token));
        let token = free.ok_or("too many migration targets at once")?;
        let link = Outbound::connect(&address.0, address.1, Token(token), token as u64, registry, mailbox)?;
        let target = Target {
            link,
            sent: VecDeque::new(),
            restored: VecDeque::new(),
            wait: None,
            input: Vec::new(),
            last_used_ms: now_ms,
        };
        self.targets.insert(token, target);
        self.by_address.insert(address.clone(), token);
        Ok(token)
    }

    /// A resolver's answer.
    pub fn resolved(
        &mut self,
        question: u64,
        addresses: &Result<Vec<std::net::SocketAddr>, String>,
        engine: &mut Engine,
        registry: &Registry,
    ) {
        let token = question as usize;
        let Some(target) = self.targets.get_mut(&token) else { return };
        if let Progress::Failed(error) = target.link.resolved(question, addresses, registry) {
            self.fail(token, &error, engine, registry);
        }
    }

    /// The kernel reports readiness of a target's socket.
    pub fn ready(&mut self, token: usize, writable: bool, engine: &mut Engine, registry: &Registry) {
        if let Err(error) = self.serve(token, writable, engine) {
            self.fail(token, &error, engine, registry);
        }
    }

    fn serve(&mut self, token: usize, writable: bool, engine: &mut Engine) -> Result<(), String> {
        let Some(target) = self.targets.get_mut(&token) else { return Ok(()) };
        if let Progress::Failed(error) = target.link.ready(writable) {
            return Err(error);
        }
        target.link.flush()?;
        loop {
            let bytes = target.link.read(&mut self.scratch)?;
            if bytes.is_empty() {
                return Ok(());
            }
            target.input.extend_from_slice(bytes);
            target.last_used_ms = engine.clock.boot_ms;
            take_replies(target, engine)?;
        }
    }

    /// Fails what is overdue, and closes what is idle.
    pub fn cron(&mut self, engine: &mut Engine, registry: &Registry) {
        let now_ms = engine.clock.boot_ms;
        let overdue: Vec<usize> = self
            .targets
            .iter()
            .filter(|(_, target)| target.jobs().next().is_some_and(|job| job.deadline_ms <= now_ms))
            .map(|(token, _)| *token)
            .collect();
        for token in overdue {
            self.fail(token, "the target did not answer in time", engine, registry);
        }
        let idle: Vec<usize> = self
            .targets
            .iter()
            .filter(|(_, target)| {
                target.jobs().next().is_none() && target.last_used_ms + IDLE_MS_MAX < now_ms
            })
            .map(|(token, _)| *token)
            .collect();
        for token in idle {
            self.fail(token, "idle", engine, registry);
        }
    }

    /// Closes a target's connection; its jobs have failed.
    fn fail(&mut self, token: usize, error: &str, engine: &mut Engine, registry: &Registry) {
        let Some(mut target) = self.targets.remove(&token) else { return };
        target.link.close(registry);
        self.by_address.retain(|_, other| *other != token);
        for job in target.jobs() {
            engine.migration_ended(job.ticket, Err(error.to_owned()));
        }
    }
}

/// Takes the complete reply lines of a target's input.
fn take_replies(target: &mut Target, engine: &mut Engine) -> Result<(), String> {
    let mut used = 0;
    while let Some(end) = target.input[used..].iter().position(|&byte| byte == b'\n') {
        let line = String::from_utf8_lossy(target.input[used..used + end].trim_ascii_end()).into_owned();
        used += end + 1;
        match target.sent.front_mut() {
            None => return Err("the target sent a reply that nobody had asked for".into()),
            Some(Sent::Wait(jobs)) => {
                let covered = *jobs;
                target.sent.pop_front();
                for mut job in target.restored.drain(..covered) {
                    job.replies.push(line.clone());
                    engine.migration_ended(job.ticket, Ok(job.replies));
                }
            }
            Some(Sent::Job(job)) => {
                job.replies.push(line);
                job.replies_missing -= 1;
                if job.replies_missing > 0 {
                    continue;
                }
                let Some(Sent::Job(job)) = target.sent.pop_front() else { continue };
                match job.waits {
                    true => target.restored.push_back(job),
                    false => engine.migration_ended(job.ticket, Ok(job.replies)),
                }
            }
        }
    }
    target.input.drain(..used);
    if target.input.len() > REPLY_LINE_BYTES_MAX {
        return Err("the target sent a reply that is no status line".into());
    }
    Ok(())
}
