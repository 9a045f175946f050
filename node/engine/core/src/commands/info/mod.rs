//! INFO: the state of the server in sections of `field:value` lines, named as Redis names them.
//!
//! Dashboards and exporters read these names, so a field that exists in Redis keeps its name and its
//! unit. What this server does not have (files, scripts, modules) shows the value that Redis shows
//! when it is unused.

mod persistence;
mod sections;
mod server;

use std::fmt::{Display, Write};

use crate::dispatch::{Command, Ctx, Flags, Group, Outcome};
use crate::engine::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("info", -1, Group::Server, info)
    .tips("nondeterministic_output request_policy:all_shards response_policy:special")
    .flags(Flags::LOADING.union(Flags::STALE))
    .categories(&["dangerous"])
    .docs(
        "1.0.0",
        "O(1)",
        "[section [section ...]]",
        "Shows the state of the server, whole or by sections.",
    )];

/// Writes the fields of a section.
type Show = fn(&Engine, &mut Fields);

/// When a section is shown that is not asked for by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// When no section is asked for, too.
    ByDefault,
    /// With all.
    WithAll,
    /// Never: it is for developers.
    ByName,
}

/// A section: its name, its title, when it is shown, and its fields.
struct Section {
    name: &'static str,
    title: &'static str,
    shown: Shown,
    write: Show,
}

const SECTIONS: &[Section] = &[
    section("server", "Server", Shown::ByDefault, server::server),
    section("clients", "Clients", Shown::ByDefault, server::clients),
    section("memory", "Memory", Shown::ByDefault, server::memory),
    section("persistence", "Persistence", Shown::ByDefault, persistence::persistence),
    section("stats", "Stats", Shown::ByDefault, sections::stats),
    section("replication", "Replication", Shown::ByDefault, |engine, out| {
        engine.replication_info(&mut out.text)
    }),
    section("cpu", "CPU", Shown::ByDefault, server::cpu),
    section("modules", "Modules", Shown::ByDefault, |_, _| {}),
    section("commandstats", "Commandstats", Shown::WithAll, sections::commandstats),
    section("errorstats", "Errorstats", Shown::ByDefault, sections::errorstats),
    section("latencystats", "Latencystats", Shown::WithAll, sections::latencystats),
    section("cluster", "Cluster", Shown::ByDefault, |engine, out| {
        out.field("cluster_enabled", u8::from(engine.settings.cluster_enabled));
        let mut bus: Vec<_> =
            engine.host.facts.iter().filter(|(name, _)| name.starts_with("cluster_bus_")).collect();
        bus.sort_unstable();
        bus.iter().for_each(|(name, value)| out.field(name, value));
    }),
    section("keyspace", "Keyspace", Shown::ByDefault, sections::keyspace),
    section("debug", "Debug", Shown::ByName, sections::debug),
];

const fn section(name: &'static str, title: &'static str, shown: Shown, write: Show) -> Section {
    Section { name, title, shown, write }
}

/// The lines of INFO as they are written.
#[derive(Default)]
struct Fields {
    text: String,
}

impl Fields {
    fn field(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.text, "{name}:{value}\r\n");
    }

    /// A number of bytes, and once more for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human(bytes));
    }
}

/// A number of bytes in the largest unit that keeps it above one.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2}{}", UNITS[unit])
}

fn info(ctx: &mut Ctx<'_>) -> Outcome {
    let asked: Vec<String> =
        ctx.args.iter_from(1).map(|name| String::from_utf8_lossy(name).to_lowercase()).collect();
    let has = |name: &str| asked.iter().any(|asked| asked == name);
    let default = asked.is_empty() || has("default");
    let all = has("all") || has("everything");
    let wanted = |section: &Section| {
        has(section.name)
            || match section.shown {
                Shown::ByDefault => default || all,
                Shown::WithAll => all,
                Shown::ByName => false,
            }
    };
    let mut out = Fields::default();
    for section in SECTIONS.iter().filter(|section| wanted(section)) {
        if !out.text.is_empty() {
            out.text.push_str("\r\n");
        }
        let _ = write!(out.text, "# {}\r\n", section.title);
        (section.write)(ctx.engine, &mut out);
    }
    ctx.reply().verbatim("txt", out.text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests;
