//! `DataPlane`: the thread of the engine, as an object of Python.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use garrison_engine_core::engine::effects::Event;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::replication::state::Shared;
use garrison_engine_core::settings::Settings;
use garrison_engine_net::{clock, process, Mailbox, Outbox, Reactor, Request};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::{Read, Write};
use crate::{events, requests};

/// One thread that owns the client sockets and the keyspace.
#[pyclass(frozen)]
pub struct DataPlane {
    settings: Settings,
    outbox: Arc<Outbox>,
    status: Arc<Shared>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    mailbox: Option<Arc<Mailbox>>,
    thread: Option<JoinHandle<()>>,
}

impl DataPlane {
    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post_all(&self, requests: Vec<Request>) -> PyResult<()> {
        let mailbox = self.running().mailbox.clone();
        let mailbox = mailbox.ok_or_else(|| PyRuntimeError::new_err("the data plane is not running"))?;
        mailbox.post(requests).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

#[pymethods]
impl DataPlane {
    #[new]
    fn new(settings: &Bound<'_, PyAny>) -> PyResult<Self> {
        let parsed = parsed(settings)?;
        let outbox = Outbox::new().map_err(|error| PyOSError::new_err(error.to_string()))?;
        Ok(DataPlane {
            settings: parsed,
            outbox: Arc::new(outbox),
            status: Arc::default(),
            running: Mutex::default(),
        })
    }

    #[pyo3(signature = (held = false))]
    fn start(&self, held: bool) -> PyResult<()> {
        let mut running = self.running();
        if running.thread.is_some() {
            return Err(PyRuntimeError::new_err("the data plane has been started already"));
        }
        let mut engine = Engine::new(self.settings.clone(), seed(), clock::now(), clock::ticks);
        engine.host.process = process::read;
        engine.host.sleep = clock::sleep;
        engine.host.crash = process::crash;
        engine.replication.share(self.status.clone());
        if held {
            engine.hold_writes();
        }
        let mut reactor = Reactor::new(engine, self.outbox.clone())
            .map_err(|error| PyOSError::new_err(error.to_string()))?;
        running.mailbox = Some(reactor.mailbox());
        let outbox = self.outbox.clone();
        let thread = std::thread::Builder::new().name("data-plane".into()).spawn(move || {
            let error = match catch_unwind(AssertUnwindSafe(|| reactor.run())) {
                Ok(Ok(())) => String::new(),
                Ok(Err(error)) if error.raw_os_error().is_some() => {
                    format!("the event queue failed: {error}")
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("a defect ended the data plane: {}", panic_text(&panic)),
            };
            outbox.close(Event::Stopped { error });
        })?;
        running.thread = Some(thread);
        Ok(())
    }

    fn fileno(&self) -> RawFd {
        self.outbox.fd()
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        events::batch(py, self.outbox.drain())
    }

    fn post(&self, requests: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        let parsed: PyResult<Vec<Request>> = requests.iter().map(requests::from_python).collect();
        self.post_all(parsed?)
    }

    fn replication<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.status.read().write(py)
    }

    fn stop(&self) {
        if let Some(mailbox) = &self.running().mailbox {
            // A full mailbox means a stuck thread; the process is about to end in any case.
            let _ = mailbox.post([Request::Stop]);
        }
    }

    fn join(&self, py: Python<'_>) {
        let thread = self.running().thread.take();
        if let Some(thread) = thread {
            py.detach(|| drop(thread.join()));
        }
    }
}

/// The settings of a dict from directives to values.
///
/// # Errors
/// ValueError that names the directive whose value is not of the form it takes.
pub(crate) fn parsed(settings: &Bound<'_, PyAny>) -> PyResult<Settings> {
    let mut parsed = Settings::default();
    for (directive, value) in &HashMap::<String, Vec<u8>>::read(settings)? {
        parsed.set_bytes(directive, value).map_err(PyValueError::new_err)?;
    }
    Ok(parsed)
}

/// What a panic said.
fn panic_text(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// A seed that an outsider cannot guess: hashing must not be predictable.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
