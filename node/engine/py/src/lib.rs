//! The PyO3 binding: the only crate of the engine that knows Python.
//!
//! Batches of plain tuples cross, never single data commands; `node/_engine.pyi` is their contract.

mod bare;
mod events;
mod plane;
mod requests;

use pyo3::prelude::*;

/// The data plane of a Garrison node.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<plane::DataPlane>()?;
    module.add_class::<bare::BareEngine>()
}
