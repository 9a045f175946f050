//! Events of the engine as Python tuples.

use garrison_engine_core::engine::effects::{ClientInfo, Event};
use garrison_engine_core::replication::state::{Primary, Status};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

/// One event as the tuple of the contract.
pub fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    match event {
        Event::Command { ticket, client, args, facts } => {
            let args = PyList::new(py, args.view().iter_from(0).map(|arg| PyBytes::new(py, arg)))?;
            let figures = PyDict::new(py);
            for (name, value) in facts {
                figures.set_item(name, value)?;
            }
            ("command", ticket, client_dict(py, &client)?, args, figures).into_pyobject(py)
        }
        Event::Published { channel, message, sharded } => {
            ("published", PyBytes::new(py, &channel), PyBytes::new(py, &message), sharded).into_pyobject(py)
        }
        Event::Replication { status, primary } => {
            ("replication", status_dict(py, &status)?, address(primary)).into_pyobject(py)
        }
        Event::Ran { ticket, reply } => ("ran", ticket, PyBytes::new(py, &reply)).into_pyobject(py),
        Event::Applied { ticket, error } => ("applied", ticket, error).into_pyobject(py),
        Event::Slept { ms, round } => ("slept", ms, round).into_pyobject(py),
        Event::HoldEnded => ("hold_ended",).into_pyobject(py),
        Event::Log { level, message } => ("log", level.name(), message).into_pyobject(py),
        Event::Stopped { error } => ("stopped", error).into_pyobject(py),
    }
}

fn address(primary: Option<Primary>) -> Option<(String, u16)> {
    primary.map(|primary| (primary.host, primary.port))
}

fn client_dict<'py>(py: Python<'py>, client: &ClientInfo) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("id", client.id)?;
    dict.set_item("addr", &*client.addr)?;
    dict.set_item("laddr", &*client.laddr)?;
    dict.set_item("resp", client.resp)?;
    dict.set_item("user", "default")?;
    dict.set_item("name", PyBytes::new(py, &client.name))?;
    dict.set_item("asking", u8::from(client.asking))?;
    dict.set_item("readonly", u8::from(client.readonly))?;
    Ok(dict)
}

/// The replication status as the contract names its fields.
pub fn status_dict<'py>(py: Python<'py>, status: &Status) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("role", if status.is_replica { "slave" } else { "master" })?;
    dict.set_item("offset", status.offset)?;
    dict.set_item("link", if status.link_up { "up" } else { "down" })?;
    dict.set_item("last_io_ms", status.last_io_boot_ms)?;
    dict.set_item("replicas", status.replicas)?;
    dict.set_item("lagging", status.lagging)?;
    dict.set_item("order", status.order)?;
    dict.set_item("data_order", status.data_order)?;
    dict.set_item("history", status.history.as_str())?;
    dict.set_item("previous_history", status.previous.as_str())?;
    dict.set_item("parted_at", status.parted_at)?;
    dict.set_item("writes_paused", status.writes_paused)?;
    Ok(dict)
}
