//! The PyO3 binding: the only crate of the engine that knows Python.
//!
//! Batches cross, never single data commands. What crosses are the dataclasses of `garrison.node.border`;
//! `requests` and `events` name them one by one, `convert` has the values that they are made of.

mod bare;
mod convert;
mod events;
mod files;
mod plane;
mod requests;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

/// What this side knows of the border: the fields of each class, and the words of each enumeration.
#[pyfunction]
fn border(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let known = PyDict::new(py);
    for table in [requests::REQUESTS, events::EVENTS, convert::OBJECTS, convert::WORDS] {
        for (class, names) in table {
            known.set_item(class, PyTuple::new(py, *names)?)?;
        }
    }
    Ok(known)
}

/// Reads a request and builds it again, for tests.
#[pyfunction]
fn echo_request<'py>(request: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    requests::to_python(request.py(), requests::from_python(request)?)
}

/// One event of each kind, for tests.
#[pyfunction]
fn example_events(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    events::batch(py, events::examples())
}

/// The data plane of a Garrison node.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", garrison_engine_core::VERSION)?;
    module.add("REDIS_VERSION", garrison_engine_core::REDIS_VERSION)?;
    module.add_function(wrap_pyfunction!(border, module)?)?;
    module.add_function(wrap_pyfunction!(echo_request, module)?)?;
    module.add_function(wrap_pyfunction!(example_events, module)?)?;
    module.add_class::<plane::DataPlane>()?;
    module.add_class::<bare::BareEngine>()?;
    module.add_function(wrap_pyfunction!(files::read_manifest, module)?)?;
    module.add_class::<files::RdbScan>()?;
    module.add_class::<files::RdbLines>()?;
    module.add_class::<files::RdbDiff>()?;
    module.add_class::<files::AofScan>()
}
