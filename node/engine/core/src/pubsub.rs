//! Channels, patterns and shard channels, and who has subscribed to them.

use std::collections::HashMap;

use crate::engine::Engine;
use crate::keyspace::key_slot;
use crate::resp::reply::Reply;
use crate::session::{Session, SessionKey, Subscriptions};

/// Sessions by the name they have subscribed to.
pub type Subscribers = HashMap<Box<[u8]>, Vec<SessionKey>>;

/// The three kinds of subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// A channel by its name.
    Channel,
    /// All channels that match a pattern.
    Pattern,
    /// A channel that lives in one slot of a cluster.
    Shard,
}

impl ChannelKind {
    /// The word that confirms a subscription.
    pub fn verb_subscribe(self) -> &'static str {
        match self {
            ChannelKind::Channel => "subscribe",
            ChannelKind::Pattern => "psubscribe",
            ChannelKind::Shard => "ssubscribe",
        }
    }

    /// The word that confirms its end.
    pub fn verb_unsubscribe(self) -> &'static str {
        match self {
            ChannelKind::Channel => "unsubscribe",
            ChannelKind::Pattern => "punsubscribe",
            ChannelKind::Shard => "sunsubscribe",
        }
    }
}

/// Subscribers by channel, pattern and shard channel.
#[derive(Debug, Default)]
pub struct PubSub {
    /// Channels.
    pub channels: Subscribers,
    /// Patterns.
    pub patterns: Subscribers,
    /// Shard channels.
    pub shard_channels: Subscribers,
}

impl PubSub {
    /// The subscribers of one kind, by name.
    pub fn subscribers(&self, kind: ChannelKind) -> &Subscribers {
        match kind {
            ChannelKind::Channel => &self.channels,
            ChannelKind::Pattern => &self.patterns,
            ChannelKind::Shard => &self.shard_channels,
        }
    }

    fn of(&mut self, kind: ChannelKind) -> &mut Subscribers {
        match kind {
            ChannelKind::Channel => &mut self.channels,
            ChannelKind::Pattern => &mut self.patterns,
            ChannelKind::Shard => &mut self.shard_channels,
        }
    }

    /// Subscribes a session; returns whether it was not subscribed before.
    pub fn subscribe(&mut self, session: &mut Session, kind: ChannelKind, name: &[u8]) -> bool {
        let subscriptions = session.subscriptions.get_or_insert_with(Default::default);
        let new = names(subscriptions, kind).insert(name.into());
        if new {
            self.of(kind).entry(name.into()).or_default().push(session.key);
        }
        new
    }

    /// Unsubscribes a session; returns whether it was subscribed.
    pub fn unsubscribe(&mut self, session: &mut Session, kind: ChannelKind, name: &[u8]) -> bool {
        let Some(subscriptions) = session.subscriptions.as_mut() else { return false };
        let was = names(subscriptions, kind).remove(name);
        if was {
            self.remove(kind, name, session.key);
        }
        let subscriptions = session.subscriptions.as_ref();
        if subscriptions.is_some_and(|subs| subs.count() == 0 && subs.shard_channels.is_empty()) {
            session.subscriptions = None;
        }
        was
    }

    /// Ends all subscriptions of a session.
    pub fn forget(&mut self, session: &mut Session) {
        let Some(subscriptions) = session.subscriptions.take() else { return };
        for kind in [ChannelKind::Channel, ChannelKind::Pattern, ChannelKind::Shard] {
            subscriptions.of(kind).iter().for_each(|name| self.remove(kind, name, session.key));
        }
    }

    fn remove(&mut self, kind: ChannelKind, name: &[u8], key: SessionKey) {
        let subscribers = self.of(kind);
        if let Some(sessions) = subscribers.get_mut(name) {
            sessions.retain(|&other| other != key);
            if sessions.is_empty() {
                subscribers.remove(name);
            }
        }
    }
}

fn names(subscriptions: &mut Subscriptions, kind: ChannelKind) -> &mut std::collections::HashSet<Box<[u8]>> {
    match kind {
        ChannelKind::Channel => &mut subscriptions.channels,
        ChannelKind::Pattern => &mut subscriptions.patterns,
        ChannelKind::Shard => &mut subscriptions.shard_channels,
    }
}

impl Engine {
    /// Delivers a message to this node's subscribers; returns how many received it.
    pub fn publish(&mut self, channel: &[u8], message: &[u8], sharded: bool) -> usize {
        let kind = if sharded { ChannelKind::Shard } else { ChannelKind::Channel };
        let by_name = self.clients.pubsub.of(kind).get(channel).cloned().unwrap_or_default();
        self.deliver_encoded(&by_name, |resp| encode(resp, kind, channel, message, None));
        let mut receivers = by_name.len();
        if !sharded && !self.clients.pubsub.patterns.is_empty() {
            let matching: Vec<(Box<[u8]>, Vec<SessionKey>)> = self
                .clients
                .pubsub
                .patterns
                .iter()
                .filter(|(pattern, _)| crate::glob::matches(pattern, channel, false))
                .map(|(pattern, sessions)| (pattern.clone(), sessions.clone()))
                .collect();
            for (pattern, sessions) in &matching {
                self.deliver_encoded(sessions, |resp| encode(resp, kind, channel, message, Some(pattern)));
                receivers += sessions.len();
            }
        }
        receivers
    }

    /// Delivers one message to many sessions, encoded at most once for each protocol version.
    fn deliver_encoded(&mut self, receivers: &[SessionKey], encode: impl Fn(u8) -> Vec<u8>) {
        let mut encoded: [Option<Vec<u8>>; 2] = [None, None];
        for &key in receivers {
            let resp = self.clients.sessions.get(key).map_or(self.call.resp, |session| session.resp);
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
