//! LATENCY: how long commands take, and the worst of them over time.
//!
//! Every command's durations are counted in [`crate::stats::Latency`]; LATENCY HISTOGRAM shows them.
//! With `latency-monitor-threshold` set, commands that take at least so many milliseconds are kept
//! as samples of the events `command` and `fast-command`, the worst one of each second.

use std::collections::VecDeque;

use crate::dispatch::help::help;
use crate::dispatch::table::{table, Entry};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::resp::reply::Reply;
use crate::stats::{Latency, LATENCY_BUCKETS};

const SEE: Flags = Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE);

/// Tips: each node answers for itself.
const OF_EACH_NODE: &str = "nondeterministic_output request_policy:all_nodes response_policy:special";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("latency", Group::Server, SUBCOMMANDS).docs(
    "2.8.13",
    "That of the subcommand",
    "",
    "Shows how long commands take.",
)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("doctor", 2, Group::Server, doctor).tips(OF_EACH_NODE).flags(SEE).docs(
        "2.8.13",
        "O(1)",
        "",
        "Says in words what was slow.",
    ),
    Command::new("graph", 3, Group::Server, graph).tips(OF_EACH_NODE).flags(SEE).docs(
        "2.8.13",
        "O(1)",
        "event",
        "Draws an event's samples as bars.",
    ),
    Command::new("histogram", -2, Group::Server, histogram).tips(OF_EACH_NODE).flags(SEE).docs(
        "7.0.0",
        "O(N) with the number of commands shown",
        "[command [command ...]]",
        "Counts how many calls took how long, by powers of two of microseconds.",
    ),
    Command::new("history", 3, Group::Server, history).tips(OF_EACH_NODE).flags(SEE).docs(
        "2.8.13",
        "O(1)",
        "event",
        "Shows an event's samples with their times.",
    ),
    Command::new("latest", 2, Group::Server, latest).tips(OF_EACH_NODE).flags(SEE).docs(
        "2.8.13",
        "O(1)",
        "",
        "Shows each event's latest and worst sample.",
    ),
    Command::new("reset", -2, Group::Server, reset)
        .tips("request_policy:all_nodes response_policy:all_succeeded")
        .flags(SEE)
        .docs("2.8.13", "O(1)", "[event [event ...]]", "Forgets the samples of these events, or of all."),
    help(Group::Server, "2.8.13"),
];

fn latest(ctx: &mut Ctx<'_>) -> Outcome {
    let Ctx { engine, session, .. } = ctx;
    let mut reply = Reply::new(&mut session.out, session.resp);
    let events = &engine.stats.latency.events;
    reply.array(events.len());
    for (event, samples) in events {
        let (time_s, ms) = samples.recent.back().copied().unwrap_or_default();
        reply.array(4);
        reply.bulk(event.as_bytes());
        reply.int(time_s);
        reply.int(ms as i64);
        reply.int(samples.worst_ms as i64);
    }
    Ok(())
}

fn history(ctx: &mut Ctx<'_>) -> Outcome {
    let recent =
        ctx.engine.stats.latency.of(ctx.arg(2)).map_or_else(VecDeque::new, |samples| samples.recent.clone());
    let mut reply = ctx.reply();
    reply.array(recent.len());
    for (time_s, ms) in recent {
        reply.array(2);
        reply.int(time_s);
        reply.int(ms as i64);
    }
    Ok(())
}

fn reset(ctx: &mut Ctx<'_>) -> Outcome {
    let before = ctx.engine.stats.latency.events.len();
    if ctx.args.len() == 2 {
        ctx.engine.stats.latency.events.clear();
    }
    for event in ctx.args.iter_from(2) {
        ctx.engine.stats.latency.events.retain(|name, _| name.as_bytes() != event);
    }
    let forgotten = before - ctx.engine.stats.latency.events.len();
    ctx.int(forgotten as i64)
}

fn graph(ctx: &mut Ctx<'_>) -> Outcome {
    let event = String::from_utf8_lossy(ctx.arg(2)).into_owned();
    let Some(samples) = ctx.engine.stats.latency.of(ctx.arg(2)) else {
        return Err(Failure::new(format!("ERR No samples available for event '{event}'")));
    };
    let each = || samples.recent.iter().map(|(_, ms)| *ms);
    let (low, high) = (each().min().unwrap_or(0), each().max().unwrap_or(0));
    let mut text =
        format!("{event} - high {high} ms, low {low} ms (all time high {} ms)\n", samples.worst_ms);
    text.push_str(&"-".repeat(GRAPH_COLUMNS));
    text.push('\n');
    let now_s = ctx.engine.clock.unix_ms / 1000;
    let recent: Vec<(i64, u64)> = samples.recent.iter().copied().collect();
    for columns in recent.chunks(GRAPH_COLUMNS) {
        draw(&mut text, columns, (low, high), now_s);
    }
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}

/// Width of a graph.
const GRAPH_COLUMNS: usize = 80;
/// Height of its bars in lines.
const GRAPH_LINES: u64 = 4;
/// What a bar ends in: a third of a line, two thirds, a whole one.
const GRAPH_TIPS: [char; 3] = ['_', 'o', '#'];

/// Draws samples as bars, a column each; below it stands, from top to bottom, how long ago it was.
fn draw(text: &mut String, samples: &[(i64, u64)], (low, high): (u64, u64), now_s: i64) {
    let tips = GRAPH_TIPS.len() as u64;
    let steps = GRAPH_LINES * tips;
    let height = |ms: u64| ((ms - low) * steps / (high - low).max(1)).min(steps - 1);
    for line in (0..GRAPH_LINES).rev() {
        for &(_, ms) in samples {
            let height = height(ms);
            text.push(match (height / tips).cmp(&line) {
                std::cmp::Ordering::Less => ' ',
                std::cmp::Ordering::Equal => GRAPH_TIPS[(height % tips) as usize],
                std::cmp::Ordering::Greater => '|',
            });
        }
        text.push('\n');
    }
    text.push_str(&" ".repeat(samples.len()));
    text.push('\n');
    let labels: Vec<String> = samples.iter().map(|(time_s, _)| age(now_s - time_s)).collect();
    for line in 0..labels.iter().map(String::len).max().unwrap_or(0) {
        text.extend(labels.iter().map(|label| label.chars().nth(line).unwrap_or(' ')));
        text.push('\n');
    }
}

/// A time span in its largest whole unit.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..=59 => format!("{seconds}s"),
        seconds @ 60..=3599 => format!("{}m", seconds / 60),
        seconds @ 3600..=86_399 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

fn doctor(ctx: &mut Ctx<'_>) -> Outcome {
    let threshold = ctx.engine.settings.latency_monitor_threshold;
    let mut text = match threshold {
        0 => "Nothing is watched: set latency-monitor-threshold to a number of milliseconds first.\n"
            .to_owned(),
        _ if ctx.engine.stats.latency.events.is_empty() => {
            format!("Nothing took {threshold} ms or longer.\n")
        }
        _ => String::new(),
    };
    for (event, samples) in &ctx.engine.stats.latency.events {
        text.push_str(&format!(
            "* {event}: {} seconds in which it took {threshold} ms or longer, at worst {} ms; SLOWLOG names the commands.\n",
            samples.recent.len(),
            samples.worst_ms
        ));
    }
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}

fn histogram(ctx: &mut Ctx<'_>) -> Outcome {
    let mut asked: Vec<&Entry> = match ctx.args.len() {
        2 => table().entries.iter().collect(),
        _ => ctx.args.iter_from(2).filter_map(|name| table().find_full(name)).collect(),
    };
    let commands = &ctx.engine.stats.counters.commands;
    // A container stands for its subcommands.
    asked = asked
        .into_iter()
        .flat_map(|entry| std::iter::once(entry).chain(&table().entries[entry.children.clone()]))
        .filter(|entry| commands[entry.id].latency.total() > 0)
        .collect();
    asked.sort_by_key(|entry| entry.id);
    asked.dedup_by_key(|entry| entry.id);
    let shown: Vec<(&str, Latency)> =
        asked.iter().map(|entry| (entry.full_name, commands[entry.id].latency)).collect();
    let mut reply = ctx.reply();
    reply.map(shown.len());
    for (name, latency) in &shown {
        reply.bulk(name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        reply.int(latency.total() as i64);
        reply.bulk(b"histogram_usec");
        cumulative(&mut reply, latency);
    }
    Ok(())
}

/// Upper bounds with the number of calls at or below each; bounds that add nothing are left out.
fn cumulative(reply: &mut Reply<'_>, latency: &Latency) {
    let filled: Vec<usize> = (0..LATENCY_BUCKETS).filter(|&bucket| latency.buckets[bucket] > 0).collect();
    reply.map(filled.len());
    for bucket in filled {
        reply.int((Latency::bound_ns(bucket) / 1000) as i64);
        reply.int(latency.buckets[..=bucket].iter().sum::<u64>() as i64);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    #[test]
    fn durations_are_counted() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "PING");
        bench.say(client, "PING");
        assert_eq!(
            bench.say(client, "LATENCY HISTOGRAM ping nosuch"),
            "*2 $4 ping *4 $5 calls :2 $14 histogram_usec *2 :1 :2"
        );
    }

    #[test]
    fn durations_are_not_counted_while_tracking_is_off() {
        let mut bench = Bench::new(&[("latency-tracking", "no")]);
        let client = bench.client();
        bench.say(client, "PING");
        assert_eq!(bench.say(client, "LATENCY HISTOGRAM"), "*0");
        assert_eq!(bench.say(client, "INFO latencystats"), "$16 # Latencystats");
    }

    #[test]
    fn bounds_and_percentiles_are_those_of_the_peers_histograms() {
        let bounds: Vec<u64> = (0..12).map(|bucket| crate::stats::Latency::bound_ns(bucket) / 1000).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113]);
        let mut bench = Bench::new(&[("latency-tracking-info-percentiles", "50 99.9")]);
        let client = bench.client();
        bench.say(client, "PING");
        let text = bench.say(client, "INFO latencystats");
        assert!(text.contains("latency_percentiles_usec_ping:p50=1.031,p99.9=1.031"), "{text}");
        bench.engine.settings.set("latency-tracking-info-percentiles", "").unwrap();
        assert!(bench.say(client, "INFO latencystats").contains("latency_percentiles_usec_ping: "));
    }

    #[test]
    fn time_of_a_command_that_the_control_plane_answers_is_counted() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "CONFIG GET hz");
        assert_eq!(bench.engine.clients.waiting.asked_count(), 1);
        let ticket = bench.engine.clients.next_ticket;
        bench.engine.control_reply(ticket, b"*0\r\n");
        assert_eq!(bench.engine.clients.waiting.asked_count(), 0);
        bench.heard(client);
        let text = bench.say(client, "LATENCY HISTOGRAM config");
        assert!(text.starts_with("*2 $10 config|get *4 $5 calls :1"), "{text}");
    }

    #[test]
    fn slow_events_are_kept() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        assert_eq!(bench.say(client, "LATENCY LATEST"), "*0");
        for (second, ms) in [(1, 20), (1, 30), (2, 10)] {
            bench.engine.stats.latency.record("command", second, ms);
        }
        assert_eq!(bench.say(client, "LATENCY LATEST"), "*1 *4 $7 command :2 :10 :30");
        assert_eq!(bench.say(client, "LATENCY HISTORY command"), "*2 *2 :1 :30 *2 :2 :10");
        let graph = bench.say(client, "LATENCY GRAPH command");
        assert!(graph.contains("command - high 30 ms, low 10 ms (all time high 30 ms)\n---"), "{graph}");
        assert!(graph.contains("---\n# \n| \n| \n|_\n  \n11\n99\n"), "{graph}");
        assert_eq!(bench.say(client, "LATENCY RESET command nosuch"), ":1");
        assert_eq!(bench.say(client, "LATENCY GRAPH x"), "-ERR No samples available for event 'x'");
    }
}
