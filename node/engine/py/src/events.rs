//! Events of the engine, as the objects of `garrison.node.border`.

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::engine::effects::{ClientInfo, Event, FunctionOutcome, Level};
use garrison_engine_core::replication::state::{Primary, Status};
use garrison_engine_core::resp::OwnedArgs;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::{build, Entry, Write};

/// One line for each event.
macro_rules! events {
    ($($name:ident { $($field:ident),* })*) => {
        /// The fields of each event.
        pub const EVENTS: &[Entry] = &[$((stringify!($name), &[$(stringify!($field)),*])),*];

        /// The object of one event.
        pub fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
            match event {
                $(Event::$name { $($field),* } => build(py, intern!(py, stringify!($name)), vec![$($field.write(py)?),*]),)*
            }
        }
    };
}

events! {
    Command { ticket, client, args, facts }
    Published { channel, message, sharded }
    Replication { status, primary }
    Ran { ticket, reply }
    FunctionCall { ticket, library, version, source, function, keys, args, resp }
    FunctionReplies { ticket, outcome, replies }
    FunctionKill { ticket }
    Applied { ticket, directive, error }
    Loaded { keys, found, shard }
    Persisted { ticket, error }
    Slept { ms, round }
    HoldReleased {}
    Log { level, message }
    Stopped { error }
}

/// The objects of a batch of events.
pub fn batch(py: Python<'_>, events: Vec<Event>) -> PyResult<Bound<'_, PyList>> {
    let objects: PyResult<Vec<_>> = events.into_iter().map(|event| to_python(py, event)).collect();
    PyList::new(py, objects?)
}

/// One event of each kind, no two fields of one with the same value, for the test that compares both sides.
pub fn examples() -> Vec<Event> {
    let mut args = OwnedArgs::default();
    [b"cluster".as_slice(), b"info\xff"].iter().for_each(|arg| args.push(arg));
    let client = ClientInfo {
        id: 2,
        addr: "10.0.0.1:50000".into(),
        laddr: "10.0.0.2:6379".into(),
        resp: 3,
        db: 0,
        name: b"caf\xe9".as_slice().into(),
        asking: false,
        readonly: false,
    };
    let status = Status {
        is_replica: true,
        offset: 1,
        link_up: false,
        last_io_boot_ms: BootMs::new(2),
        replicas: 3,
        lagging: 4,
        order: 5,
        data_order: 6,
        parted_at: Some(7),
        writes_paused: true,
        ..Status::default()
    };
    let primary = Some(Primary { host: "10.0.0.3".into(), port: 6380 });
    vec![
        Event::Command { ticket: 1, client, args, facts: vec![("keys_total", 4)] },
        Event::Published { channel: b"news".into(), message: b"hello\xff".into(), sharded: true },
        Event::Replication { status, primary },
        Event::Ran { ticket: 5, reply: b"+OK\r\n".into() },
        Event::FunctionCall {
            ticket: 11,
            library: b"lib".into(),
            version: 12,
            source: b"#!python name=lib\n".as_slice().into(),
            function: b"f".into(),
            keys: OwnedArgs::from_slices(&[b"k".as_slice()]),
            args: OwnedArgs::from_slices(&[b"a".as_slice(), b"b\xff"]),
            resp: 2,
        },
        Event::FunctionReplies {
            ticket: 13,
            outcome: FunctionOutcome::Read,
            replies: vec![b":1\r\n".into()],
        },
        Event::FunctionKill { ticket: 14 },
        Event::Applied { ticket: 6, directive: "maxclients".into(), error: "too few".into() },
        Event::Loaded { keys: 9, found: true, shard: "s1".into() },
        Event::Persisted { ticket: 10, error: "no space".into() },
        Event::Slept { ms: 7, round: 8 },
        Event::HoldReleased,
        Event::Log { level: Level::Verbose, message: "a line".into() },
        Event::Stopped { error: "a defect".into() },
    ]
}
