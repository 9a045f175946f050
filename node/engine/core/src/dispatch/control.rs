//! Commands that the control plane answers: what it is sent with them, and the way of its answer back.

use super::table::Entry;
use super::{Facts, Handler};
use crate::base::numbers::parse_i64;
use crate::clients::session::{Session, Suspension};
use crate::cluster::slots::SLOT_COUNT;
use crate::engine::effects::{Action, ClientInfo, Event};
use crate::engine::Engine;
use crate::resp::{Args, OwnedArgs};

impl Engine {
    /// Hands a command to the control plane; the session waits for the answer.
    pub fn ask_control(&mut self, session: &mut Session, entry: &Entry, args: Args<'_>) {
        let ticket = self.ticket();
        session.suspension = Suspension::Control { ticket };
        self.tell_control(session, ticket, entry, args);
    }

    /// Sends a session's command up under this ticket.
    pub(crate) fn tell_control(&mut self, session: &Session, ticket: u64, entry: &Entry, args: Args<'_>) {
        self.clients.waiting.ask(ticket, session.key);
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
        self.control_answered(ticket);
        let Some(key) = self.clients.waiting.answered(ticket) else { return };
        let Some(mut session) = self.clients.sessions.take(key) else { return };
        match &mut session.suspension {
            Suspension::Control { ticket: awaited } if *awaited == ticket => {
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
                let slot = parse_i64(args.get(2)).and_then(|slot| u16::try_from(slot).ok());
                let slot = slot.filter(|&slot| (slot as usize) < SLOT_COUNT);
                vec![("keys_in_slot", slot.map_or(0, |slot| self.keys_to_move(slot)) as i64)]
            }
            Facts::StrayKeys => vec![("keys_stray", self.stray_keys() as i64)],
        }
    }

    /// Keys of slots that this node neither serves, itself or for its primary, nor receives: nobody finds them.
    fn stray_keys(&self) -> usize {
        let Some(slots) = &self.cluster.slots else { return 0 };
        let is_stray = |slot: &u16| {
            slots.owner(*slot).is_none_or(|owner| owner != slots.my_primary)
                && !slots.importing.contains_key(slot)
        };
        (0..SLOT_COUNT as u16).filter(is_stray).map(|slot| self.keyspace.dbs[0].slot_len(slot)).sum()
    }
}
