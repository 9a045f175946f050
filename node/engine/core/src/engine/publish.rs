//! Messages on their way to subscribers.

use super::Engine;
use crate::clients::pubsub::ChannelKind;
use crate::clients::session::SessionKey;
use crate::keyspace::key_slot;
use crate::resp::reply::Reply;

impl Engine {
    /// Delivers a message to this node's subscribers; returns how many received it.
    pub fn publish(&mut self, channel: &[u8], message: &[u8], sharded: bool) -> usize {
        let kind = if sharded { ChannelKind::Shard } else { ChannelKind::Channel };
        let by_name = self.clients.pubsub.subscribers(kind).get(channel).cloned().unwrap_or_default();
        self.deliver_encoded(&by_name, |resp| encode(resp, kind, channel, message, None));
        let mut receivers = by_name.len();
        if !sharded && !self.clients.pubsub.patterns.is_empty() {
            let matching: Vec<(Box<[u8]>, Vec<SessionKey>)> = self
                .clients
                .pubsub
                .patterns
                .iter()
                .filter(|(pattern, _)| crate::base::glob::matches(pattern, channel, false))
                .map(|(pattern, sessions)| (pattern.clone(), sessions.clone()))
                .collect();
            for (pattern, sessions) in &matching {
                self.deliver_encoded(sessions, |resp| encode(resp, kind, channel, message, Some(pattern)));
                receivers += sessions.len();
            }
        }
        receivers
    }

    /// The protocol version of a session, running or not.
    fn resp_of(&self, key: SessionKey) -> u8 {
        match (self.clients.sessions.get(key), self.call.served_by) {
            (Some(session), _) => session.resp,
            (None, Some((server, resp))) if server == key => resp,
            (None, _) => self.call.resp,
        }
    }

    /// Delivers one message to many sessions, encoded at most once for each protocol version.
    fn deliver_encoded(&mut self, receivers: &[SessionKey], encode: impl Fn(u8) -> Vec<u8>) {
        let mut encoded: [Option<Vec<u8>>; 2] = [None, None];
        for &key in receivers {
            let resp = self.resp_of(key);
            let bytes = encoded[usize::from(resp >= 3)].get_or_insert_with(|| encode(resp));
            self.deliver(key, bytes);
        }
    }
}

impl Engine {
    /// Ends the subscriptions to shard channels whose slots are no longer served here.
    pub(crate) fn drop_moved_shard_channels(&mut self) {
        let Some(slots) = self.cluster.slots.as_deref() else { return };
        let served = |channel: &[u8]| {
            let owner = slots.owner(key_slot(channel));
            owner.is_some_and(|owner| owner == slots.myself || owner == slots.my_primary)
        };
        let moved: Vec<Box<[u8]>> =
            self.clients.pubsub.shard_channels.keys().filter(|channel| !served(channel)).cloned().collect();
        for channel in &moved {
            for key in self.clients.pubsub.shard_channels.get(channel).cloned().unwrap_or_default() {
                self.end_shard_subscription(key, channel);
            }
        }
    }

    fn end_shard_subscription(&mut self, key: SessionKey, channel: &[u8]) {
        let Some(mut session) = self.clients.sessions.take(key) else { return };
        self.clients.pubsub.unsubscribe(&mut session, ChannelKind::Shard, channel);
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, session.resp);
        reply.push(3);
        reply.bulk(ChannelKind::Shard.verb_unsubscribe().as_bytes());
        reply.bulk(channel);
        reply.int(session.subscription_count(ChannelKind::Shard) as i64);
        self.clients.sessions.put(session);
        self.deliver(key, &bytes);
    }
}

fn encode(resp: u8, kind: ChannelKind, channel: &[u8], message: &[u8], pattern: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(channel.len() + message.len() + 64);
    let mut reply = Reply::new(&mut bytes, resp);
    reply.push(if pattern.is_some() { 4 } else { 3 });
    match (pattern, kind) {
        (Some(pattern), _) => {
            reply.bulk(b"pmessage");
            reply.bulk(pattern);
        }
        (None, ChannelKind::Shard) => reply.bulk(b"smessage"),
        (None, _) => reply.bulk(b"message"),
    }
    reply.bulk(channel);
    reply.bulk(message);
    bytes
}
