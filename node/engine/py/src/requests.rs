//! Requests of the control plane, read from Python tuples.

use std::collections::HashMap;

use garrison_engine_core::cluster::slots::{ClusterState, Endpoint, SlotTable, NOBODY, SLOT_COUNT};
use garrison_engine_core::resp::OwnedArgs;
use garrison_engine_net::Request;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyTuple;

/// The fields of a request, its kind first.
struct Fields<'a, 'py> {
    kind: &'a str,
    tuple: &'a Bound<'py, PyTuple>,
}

impl Fields<'_, '_> {
    /// Field `index` as a `T`; the error names the request and the field.
    fn get<T>(&self, index: usize) -> PyResult<T>
    where
        T: for<'a, 'py> FromPyObject<'a, 'py>,
        for<'a, 'py> <T as FromPyObject<'a, 'py>>::Error: Into<PyErr>,
    {
        let wrong =
            |error: PyErr| PyValueError::new_err(format!("request {:?}, field {index}: {error}", self.kind));
        let item = self.tuple.get_item(index).map_err(wrong)?;
        item.extract::<T>().map_err(|error| wrong(error.into()))
    }
}

/// Reads one request.
pub fn from_python(tuple: &Bound<'_, PyTuple>) -> PyResult<Request> {
    let kind: String = tuple.get_item(0)?.extract()?;
    let fields = Fields { kind: &kind, tuple };
    Ok(match kind.as_str() {
        "reply" => Request::Reply { ticket: fields.get(1)?, bytes: fields.get::<Vec<u8>>(2)? },
        "settings" => {
            let values: HashMap<String, String> = fields.get(2)?;
            Request::Settings { ticket: fields.get(1)?, values: values.into_iter().collect() }
        }
        "slots" => Request::Slots(Box::new(slot_table(&fields)?)),
        "lease" => Request::Lease { until_boot_ms: fields.get(1)? },
        "follow" => Request::Follow { host: fields.get(1)?, port: fields.get(2)?, order: fields.get(3)? },
        "promote" => Request::Promote { order: fields.get(1)? },
        "pause" => Request::Pause { until_boot_ms: fields.get(1)?, all: fields.get::<String>(2)? == "all" },
        "unpause" => Request::Unpause,
        "release" => Request::ReleaseHold { round: fields.get(1)? },
        "follow_in_hold" => {
            Request::FollowInHold { host: fields.get(1)?, port: fields.get(2)?, round: fields.get(3)? }
        }
        "watch_sleep" => Request::WatchSleep { ms_max: fields.get(1)? },
        "empty" => Request::Empty,
        "run" => {
            let args: Vec<Vec<u8>> = fields.get(2)?;
            let mut owned = OwnedArgs::default();
            args.iter().for_each(|arg| owned.push(arg));
            Request::Run { ticket: fields.get(1)?, args: owned }
        }
        "publish" => {
            Request::Publish { channel: fields.get(1)?, message: fields.get(2)?, sharded: fields.get(3)? }
        }
        "drop_slots" => Request::DropSlots(fields.get(1)?),
        "facts" => Request::Facts(fields.get(1)?),
        "reset_statistics" => Request::ResetStats,
        _ => return Err(PyValueError::new_err(format!("request {kind:?} is not part of the contract"))),
    })
}

fn slot_table(fields: &Fields<'_, '_>) -> PyResult<SlotTable> {
    let owners: PyBackedBytes = fields.get(1)?;
    if owners.len() != 2 * SLOT_COUNT {
        return Err(PyValueError::new_err(format!(
            "request \"slots\": {} bytes of owners, wanted {}",
            owners.len(),
            2 * SLOT_COUNT
        )));
    }
    let mut table = SlotTable::default();
    for (owner, two) in table.owners.iter_mut().zip(owners.chunks_exact(2)) {
        *owner = u16::from_le_bytes([two[0], two[1]]);
    }
    let endpoints: Vec<(String, u16, usize)> = fields.get(2)?;
    let endpoint = |(host, port, copies_wanted)| Endpoint { host, port, copies_wanted };
    table.endpoints = endpoints.into_iter().map(endpoint).collect();
    let position = |value: i64| u16::try_from(value).unwrap_or(NOBODY);
    table.myself = position(fields.get(3)?);
    table.my_primary = position(fields.get(4)?);
    table.state = match fields.get::<String>(5)?.as_str() {
        "ok" => ClusterState::Ok,
        "reads" => ClusterState::ReadsOnly,
        _ => ClusterState::Down,
    };
    table.migrating = fields.get::<Vec<(u16, u16)>>(6)?.into_iter().collect();
    table.importing = fields.get::<Vec<(u16, u16)>>(7)?.into_iter().collect();
    table.shard_channels_when_down = fields.get(8)?;
    table.has_data = fields.get(9)?;
    Ok(table)
}
