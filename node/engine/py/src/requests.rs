//! Requests of the control plane, read from the objects of `garrison.node.border`.

use garrison_engine_net::Request;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;

use crate::convert::{build, field, Entry, Write};

/// Both directions for each request; a class that is missing here is refused.
macro_rules! requests {
    ($($name:ident { $($field:ident),* })*) => {
        /// The fields of each request.
        pub const REQUESTS: &[Entry] = &[$((stringify!($name), &[$(stringify!($field)),*])),*];

        /// Reads one request.
        ///
        /// # Errors
        /// ValueError for an object that is not a request, and for a field whose value is not understood.
        pub fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Request> {
            let class = object.get_type().name()?;
            match class.to_str()? {
                $(stringify!($name) => Ok(Request::$name { $($field: field(object, intern!(object.py(), stringify!($field)))?),* }),)*
                other => Err(PyValueError::new_err(format!("{other:?} is not a request of the border"))),
            }
        }

        /// The object of a request, for the test that sends each there and back.
        pub fn to_python(py: Python<'_>, request: Request) -> PyResult<Bound<'_, PyAny>> {
            match request {
                $(Request::$name { $($field),* } => build(py, intern!(py, stringify!($name)), vec![$($field.write(py)?),*]),)*
                Request::Resolved { .. } | Request::Disk { .. } | Request::LogOpened { .. } | Request::Stop => {
                    Err(PyValueError::new_err("the control plane does not send this request"))
                }
            }
        }
    };
}

requests! {
    Reply { ticket, reply }
    Apply { ticket, values }
    InstallSlots { table }
    ExtendLease { until_boot_ms }
    Follow { host, port, order }
    Promote { order }
    Pause { until_boot_ms, mode }
    Unpause {}
    ReleaseHold { round }
    FollowInHold { host, port, round }
    WatchSleep { ms_max }
    Empty {}
    Run { ticket, args }
    FunctionRead { ticket, commands }
    FunctionCommit { ticket, commands, pieces, holes }
    Publish { channel, message, sharded }
    DropSlots { ranges }
    CloseClients { ids }
    InfoFields { values }
    Serve {}
    Persist { ticket, snapshot }
}
