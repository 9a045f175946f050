//! SUBSCRIBE and its kin, PUBLISH, PUBSUB; the mechanism is in [`crate::clients::pubsub`].

use crate::clients::pubsub::ChannelKind;
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::engine::effects::Event;
use crate::resp::OwnedArgs;

const LISTEN: Flags =
    Flags::PUBSUB.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE).union(Flags::LISTENS);
const SEND: Flags =
    Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST).union(Flags::MAY_REPLICATE);
const ASK: Flags = Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE);
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1, "NOT_KEY").not_key()];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("subscribe", -2, Group::PubSub, |ctx| subscribe(ctx, ChannelKind::Channel))
        .flags(Flags::SUBSCRIBED)
        .flags(LISTEN)
        .docs(
            "2.0.0",
            "O(N) with the number of channels",
            "channel [channel ...]",
            "Listens to channels by name.",
        ),
    Command::new("unsubscribe", -1, Group::PubSub, |ctx| unsubscribe(ctx, ChannelKind::Channel))
        .flags(Flags::SUBSCRIBED)
        .flags(LISTEN)
        .docs(
            "2.0.0",
            "O(N) with the number of channels",
            "[channel [channel ...]]",
            "Stops listening to these channels, or to all.",
        ),
    Command::new("psubscribe", -2, Group::PubSub, |ctx| subscribe(ctx, ChannelKind::Pattern))
        .flags(Flags::SUBSCRIBED)
        .flags(LISTEN)
        .docs(
            "2.0.0",
            "O(N) with the number of patterns",
            "pattern [pattern ...]",
            "Listens to all channels that match patterns.",
        ),
    Command::new("punsubscribe", -1, Group::PubSub, |ctx| unsubscribe(ctx, ChannelKind::Pattern))
        .flags(Flags::SUBSCRIBED)
        .flags(LISTEN)
        .docs(
            "2.0.0",
            "O(N) with the number of patterns",
            "[pattern [pattern ...]]",
            "Stops listening to these patterns, or to all.",
        ),
    Command::new("ssubscribe", -2, Group::PubSub, |ctx| subscribe(ctx, ChannelKind::Shard))
        .flags(Flags::SUBSCRIBED)
        .flags(LISTEN)
        .keys(SHARD_CHANNELS)
        .docs(
            "7.0.0",
            "O(N) with the number of shard channels",
            "shardchannel [shardchannel ...]",
            "Listens to shard channels, all of one slot.",
        ),
    Command::new("sunsubscribe", -1, Group::PubSub, |ctx| unsubscribe(ctx, ChannelKind::Shard))
        .flags(Flags::SUBSCRIBED)
        .flags(LISTEN)
        .keys(SHARD_CHANNELS)
        .docs(
            "7.0.0",
            "O(N) with the number of shard channels",
            "[shardchannel [shardchannel ...]]",
            "Stops listening to these shard channels, or to all.",
        ),
    Command::new("publish", 3, Group::PubSub, |ctx| publish(ctx, false)).flags(SEND).docs(
        "2.0.0",
        "O(N+M) with the number of listeners and of patterns",
        "channel message",
        "Sends a message to all who listen to the channel, anywhere in the cluster.",
    ),
    Command::new("spublish", 3, Group::PubSub, |ctx| publish(ctx, true))
        .flags(SEND)
        .keys(&[KeySpec::one(1, "NOT_KEY").not_key()])
        .docs(
            "7.0.0",
            "O(N) with the number of listeners",
            "shardchannel message",
            "Sends a message to all who listen to the shard channel, within its shard.",
        ),
    Command::container("pubsub", Group::PubSub, SUBCOMMANDS).docs(
        "2.8.0",
        "That of the subcommand",
        "",
        "Tells who listens to what.",
    ),
];

const SUBCOMMANDS: &[Command] = &[
    Command::new("channels", -2, Group::PubSub, |ctx| channels(ctx, ChannelKind::Channel)).flags(ASK).docs(
        "2.8.0",
        "O(N) with the number of channels listened to",
        "[pattern]",
        "Names the channels that somebody listens to by name.",
    ),
    Command::new("numpat", 2, Group::PubSub, numpat).flags(ASK).docs(
        "2.8.0",
        "O(1)",
        "",
        "Counts the distinct patterns that somebody listens to.",
    ),
    Command::new("numsub", -2, Group::PubSub, |ctx| numsub(ctx, ChannelKind::Channel)).flags(ASK).docs(
        "2.8.0",
        "O(N) with the number of channels",
        "[channel [channel ...]]",
        "Counts each channel's listeners, those by pattern left out.",
    ),
    Command::new("shardchannels", -2, Group::PubSub, |ctx| channels(ctx, ChannelKind::Shard))
        .flags(ASK)
        .docs(
            "7.0.0",
            "O(N) with the number of shard channels listened to",
            "[pattern]",
            "Names the shard channels that somebody listens to.",
        ),
    Command::new("shardnumsub", -2, Group::PubSub, |ctx| numsub(ctx, ChannelKind::Shard)).flags(ASK).docs(
        "7.0.0",
        "O(N) with the number of shard channels",
        "[shardchannel [shardchannel ...]]",
        "Counts each shard channel's listeners.",
    ),
    help(Group::PubSub, "6.2.0").group_category(None),
];

fn subscribe(ctx: &mut Ctx<'_>, kind: ChannelKind) -> Outcome {
    for name in ctx.args.iter_from(1) {
        ctx.engine.clients.pubsub.subscribe(ctx.session, kind, name);
        confirm(ctx, kind, kind.verb_subscribe(), Some(name));
    }
    Ok(())
}

fn unsubscribe(ctx: &mut Ctx<'_>, kind: ChannelKind) -> Outcome {
    let mut names: Vec<Box<[u8]>> = ctx.args.iter_from(1).map(Box::from).collect();
    if names.is_empty() {
        names = ctx
            .session
            .subscriptions
            .as_ref()
            .map_or(Vec::new(), |subs| subs.of(kind).iter().cloned().collect());
    }
    if names.is_empty() {
        confirm(ctx, kind, kind.verb_unsubscribe(), None);
    }
    for name in &names {
        ctx.engine.clients.pubsub.unsubscribe(ctx.session, kind, name);
        confirm(ctx, kind, kind.verb_unsubscribe(), Some(name));
    }
    Ok(())
}

/// One message for each name: what was done, to which, and how many are left.
fn confirm(ctx: &mut Ctx<'_>, kind: ChannelKind, verb: &str, name: Option<&[u8]>) {
    let left = ctx.session.subscription_count(kind);
    let mut reply = ctx.reply();
    reply.push(3);
    reply.bulk(verb.as_bytes());
    reply.bulk_or_null(name);
    reply.int(left as i64);
}

fn publish(ctx: &mut Ctx<'_>, sharded: bool) -> Outcome {
    let (channel, message) = (ctx.arg(1), ctx.arg(2));
    let receivers = ctx.engine.publish(channel, message, sharded);
    if ctx.engine.settings.cluster_enabled {
        let (channel, message) = (channel.to_vec(), message.to_vec());
        ctx.engine.effects.events.push(Event::Published { channel, message, sharded });
    } else if !ctx.origin().skips_checks() {
        ctx.engine.queue_propagation(ctx.scope(), OwnedArgs::copy(ctx.args));
        ctx.engine.note_hello(channel, message);
    }
    ctx.int(receivers as i64)
}

fn channels(ctx: &mut Ctx<'_>, kind: ChannelKind) -> Outcome {
    if ctx.args.len() > 3 {
        return Err(crate::dispatch::Failure::wrong_arity(ctx.entry.full_name));
    }
    let pattern = ctx.args.try_get(2);
    let Ctx { engine, session, .. } = ctx;
    let names: Vec<&[u8]> = engine
        .clients
        .pubsub
        .subscribers(kind)
        .keys()
        .map(|name| &**name)
        .filter(|name| pattern.is_none_or(|pattern| crate::base::glob::matches(pattern, name, false)))
        .collect();
    let mut reply = crate::resp::reply::Reply::new(&mut session.out, session.resp);
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

fn numpat(ctx: &mut Ctx<'_>) -> Outcome {
    let patterns = ctx.engine.clients.pubsub.patterns.len();
    ctx.int(patterns as i64)
}

fn numsub(ctx: &mut Ctx<'_>, kind: ChannelKind) -> Outcome {
    let args = ctx.args;
    ctx.reply().array(2 * (args.len() - 2));
    for name in args.iter_from(2) {
        let count = ctx.engine.clients.pubsub.subscribers(kind).get(name).map_or(0, Vec::len);
        let mut reply = ctx.reply();
        reply.bulk(name);
        reply.int(count as i64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::cluster::slots::SlotTable;
    use crate::engine::effects::Event;
    use crate::testing::Bench;

    #[test]
    fn subscriptions_are_confirmed_and_counted() {
        let mut bench = Bench::new(&[]);
        let listener = bench.client();
        assert_eq!(bench.say(listener, "SUBSCRIBE a b"), "*3 $9 subscribe $1 a :1 *3 $9 subscribe $1 b :2");
        assert_eq!(bench.say(listener, "PSUBSCRIBE a*"), "*3 $10 psubscribe $2 a* :3");
        assert_eq!(bench.say(listener, "SSUBSCRIBE s"), "*3 $10 ssubscribe $1 s :1");
        assert!(bench.say(listener, "ECHO a").starts_with("-ERR Can't execute 'echo'"));
        let publisher = bench.client();
        assert_eq!(bench.say(publisher, "PUBLISH a hi"), ":2");
        assert_eq!(bench.heard(listener), "*3 $7 message $1 a $2 hi *4 $8 pmessage $2 a* $1 a $2 hi");
        assert_eq!(bench.say(publisher, "SPUBLISH s x"), ":1");
        assert_eq!(bench.heard(listener), "*3 $8 smessage $1 s $1 x");
        assert_eq!(bench.say(publisher, "PUBSUB NUMSUB a z"), "*4 $1 a :1 $1 z :0");
        assert_eq!(bench.say(publisher, "PUBSUB NUMPAT"), ":1");
        assert_eq!(bench.say(publisher, "PUBSUB SHARDCHANNELS"), "*1 $1 s");
        assert_eq!(bench.say(publisher, "PUBSUB CHANNELS z*"), "*0");
        assert_eq!(bench.say(listener, "PUNSUBSCRIBE"), "*3 $12 punsubscribe $2 a* :2");
        assert_eq!(bench.say(listener, "PUNSUBSCRIBE"), "*3 $12 punsubscribe $-1 :2");
        bench.engine.close_session(listener);
        assert_eq!(bench.say(publisher, "PUBLISH a hi"), ":0");
    }

    #[test]
    fn a_resp3_client_gets_its_own_message_after_its_reply() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "HELLO 3");
        assert_eq!(bench.say(client, "SUBSCRIBE a"), ">3 $9 subscribe $1 a :1");
        assert_eq!(bench.say(client, "PUBLISH a hi"), ":1 >3 $7 message $1 a $2 hi");
    }

    #[test]
    fn a_cluster_tells_the_control_plane() {
        let mut bench = Bench::new(&[("cluster-enabled", "yes")]);
        let client = bench.client();
        assert_eq!(bench.say(client, "PUBLISH a hi"), ":0");
        assert!(matches!(&bench.engine.effects.events[..], [Event::Published { sharded: false, .. }]));
    }

    #[test]
    fn what_sentinels_say_is_handed_up_within_bounds() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "PUBLISH a hi");
        bench.say(client, &format!("PUBLISH __sentinel__:hello {}", "x".repeat(1025)));
        assert!(bench.engine.effects.events.is_empty());
        for _ in 0..1000 {
            bench.say(client, "PUBLISH __sentinel__:hello hi");
        }
        assert_eq!(bench.engine.effects.events.len(), 64);
        assert!(
            matches!(&bench.engine.effects.events[0], Event::Published { message, .. } if message == b"hi")
        );
        bench.engine.cron();
        bench.say(client, "PUBLISH __sentinel__:hello hi");
        assert_eq!(bench.engine.effects.events.len(), 65);
    }

    #[test]
    fn shard_channels_end_when_their_slot_moves_away() {
        let mut bench = Bench::new(&[("cluster-enabled", "yes")]);
        let mut table =
            SlotTable { myself: 0, state: crate::cluster::slots::ClusterState::Ok, ..SlotTable::default() };
        table.owners.fill(0);
        table.endpoints = vec![Default::default(); 2];
        bench.engine.install_slots(Box::new(table.clone()));
        let client = bench.client();
        assert_eq!(bench.say(client, "SSUBSCRIBE s"), "*3 $10 ssubscribe $1 s :1");
        table.owners.fill(1);
        bench.engine.install_slots(Box::new(table));
        assert_eq!(bench.heard(client), "*3 $12 sunsubscribe $1 s :0");
        assert!(!bench.session(client).is_subscriber());
    }
}
