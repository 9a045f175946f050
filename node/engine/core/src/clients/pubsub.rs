//! Channels, patterns and shard channels, and who has subscribed to them.

use std::collections::HashMap;

use crate::clients::session::{Session, SessionKey, Subscriptions};

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
