//! Commands that the control plane answers: what it is sent with them, and the way of its answer back.

use super::table::Entry;
use super::{Facts, Handler};
use crate::base::numbers::parse_i64;
use crate::clients::session::{Session, Suspension};
use crate::clients::waiting::Question;
use crate::cluster::slots::{slot_number, SLOT_COUNT};
use crate::engine::effects::{Action, ClientInfo, Event};
use crate::engine::Engine;
use crate::resp::{Args, OwnedArgs};

impl Engine {
    /// Hands a command to the control plane; the session waits for the answer.
    ///
    /// `began_us` is when it was given, if its time counts until the answer.
    pub fn ask_control(
        &mut self,
        session: &mut Session,
        entry: &Entry,
        args: Args<'_>,
        began_us: Option<u64>,
    ) {
        let ticket = self.ticket();
        session.suspension = Suspension::Control { ticket };
        let timed = began_us.map(|began_us| (entry.id, began_us));
        self.clients.waiting.ask(ticket, Question { session: session.key, timed });
        self.tell_control(session, ticket, entry, args);
    }

    /// Sends a session's command up under this ticket, under which the waiting room knows it.
    pub(crate) fn tell_control(&mut self, session: &Session, ticket: u64, entry: &Entry, args: Args<'_>) {
        let client = ClientInfo {
            id: session.id,
            addr: session.addr.clone(),
            laddr: session.laddr.clone(),
            resp: session.resp,
            db: session.db,
            name: session.name.clone(),
            asking: session.asking,
            readonly: session.readonly,
        };
        let mut facts = self.facts_for_control(entry, args);
        if session.outside {
            facts.push(("outside", 1));
        }
        self.effects.events.push(Event::Command { ticket, client, args: OwnedArgs::copy(args), facts });
    }

    /// The control plane's answer to a command: encoded reply bytes.
    pub fn control_reply(&mut self, ticket: u64, reply: &[u8]) {
        let Some(Question { session: key, timed }) = self.clients.waiting.answered(ticket) else { return };
        if let Some((id, began_us)) = timed {
            let elapsed_us = (self.host.ticks)().wrapping_sub(began_us);
            self.stats.counters.commands[id].took(elapsed_us, self.settings.latency_tracking);
        }
        self.forget_python_call(ticket);
        let Some(mut session) = self.clients.sessions.take(key) else { return };
        match &mut session.suspension {
            Suspension::Control { ticket: awaited } | Suspension::Function { ticket: awaited }
                if *awaited == ticket =>
            {
                session.answer_late(|answer| answer.raw(reply));
            }
            Suspension::Exec(_) => self.resume_exec(&mut session, ticket, reply),
            _ => {}
        }
        let goes_on = !session.is_suspended();
        self.clients.sessions.put(session);
        if goes_on {
            self.effects.actions.push(Action::Resume(key));
        }
    }

    /// What the control plane needs to know to answer a command.
    fn facts_for_control(&self, entry: &Entry, args: Args<'_>) -> Vec<(&'static str, i64)> {
        if self.cluster.slots.is_none() {
            return Vec::new();
        }
        let Handler::Control(facts) = entry.command.handler else { return Vec::new() };
        match facts {
            Facts::None => Vec::new(),
            Facts::Keys => vec![("keys_total", self.keyspace.dbs[0].len() as i64)],
            Facts::KeysInSlot => {
                let slot = parse_i64(args.get(2)).and_then(slot_number);
                vec![("keys_in_slot", slot.map_or(0, |slot| self.keys_to_move(slot)) as i64)]
            }
            Facts::StrayKeys => vec![("keys_stray", self.stray_keys() as i64)],
        }
    }

    /// Keys of slots that this node neither serves, itself or for its primary, nor receives: nobody finds them.
    fn stray_keys(&self) -> usize {
        let Some(slots) = &self.cluster.slots else { return 0 };
        let is_stray = |slot: &u16| !slots.serves(*slot) && !slots.importing.contains_key(slot);
        (0..SLOT_COUNT as u16).filter(is_stray).map(|slot| self.keyspace.dbs[0].slot_len(slot)).sum()
    }
}
