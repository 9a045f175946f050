//! Values that cross the border, each way, and the words of its enumerations.
//!
//! The classes are those of `garrison.node.border`. A word that no variant has raises ValueError.

use std::collections::HashMap;
use std::sync::Arc;

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::cluster::slots::{ClusterState, Endpoint, SlotTable, NOBODY, SLOT_COUNT};
use garrison_engine_core::engine::effects::{ClientInfo, FunctionOutcome, Level};
use garrison_engine_core::replication::state::{Primary, Status};
use garrison_engine_core::resp::OwnedArgs;
use garrison_engine_net::PauseMode;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyo3::IntoPyObjectExt;

/// The fields, or the words, of one class of the border.
pub type Entry = (&'static str, &'static [&'static str]);

/// A value that Python may send.
pub trait Read: Sized {
    /// Reads it; the error does not yet name the field.
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self>;
}

/// A value that Python may be sent.
pub trait Write {
    /// Builds it.
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

/// Builds an object of a class of `garrison.node.border`.
pub fn build<'py>(
    py: Python<'py>,
    class: &Bound<'py, PyString>,
    fields: Vec<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    static BORDER: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let border = BORDER.get_or_try_init(py, || py.import("garrison.node.border").map(Bound::unbind))?;
    border.bind(py).getattr(class)?.call1(PyTuple::new(py, fields)?)
}

/// Reads the attribute `field` of an object; the error names its class and the field.
pub fn field<T: Read>(object: &Bound<'_, PyAny>, field: &Bound<'_, PyString>) -> PyResult<T> {
    object.getattr(field).and_then(|value| T::read(&value)).map_err(|error| {
        let class = object.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
        PyValueError::new_err(format!("{class}.{field}: {}", error.value(object.py())))
    })
}

/// Values that PyO3 converts as they are.
macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Read for $type {
            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                value.extract()
            }
        }

        impl Write for $type {
            fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                self.into_bound_py_any(py)
            }
        }
    )*};
}

plain!(bool, u8, u16, u64, usize, i64, String, HashMap<u16, u16>, HashMap<String, String>);

impl Read for BootMs {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract().map(BootMs::new)
    }
}

impl Write for BootMs {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        self.as_i64().into_bound_py_any(py)
    }
}

/// Enumerations, whose variants are words.
macro_rules! words {
    ($($class:literal $type:ident { $($variant:ident = $word:literal),* })*) => {
        /// The words of each enumeration.
        pub const WORDS: &[Entry] = &[$(($class, &[$($word),*])),*];

        $(
            impl Read for $type {
                fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                    let word: String = value.extract()?;
                    match word.as_str() {
                        $($word => Ok($type::$variant),)*
                        _ => Err(PyValueError::new_err(format!("{word:?} is not one of {:?}", [$($word),*]))),
                    }
                }
            }

            impl Write for $type {
                fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                    let word = match self { $($type::$variant => $word),* };
                    build(py, intern!(py, $class), vec![word.into_bound_py_any(py)?])
                }
            }
        )*
    };
}

words! {
    "PauseMode" PauseMode { Write = "write", All = "all" }
    "ClusterState" ClusterState { Ok = "ok", Down = "down", ReadsOnly = "reads_only" }
    "FunctionOutcome" FunctionOutcome { Read = "read", Ended = "ended", Conflict = "conflict", Later = "later", Gone = "gone" }
    "LogLevel" Level { Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning" }
}

/// Objects that are parts of others and are only sent to Python.
macro_rules! objects {
    ($($class:literal $type:ident($object:ident) { $($field:ident: $value:expr),* })*) => {
        /// The fields of each.
        pub const OBJECTS: &[Entry] = &[$(($class, &[$(stringify!($field)),*])),*];

        $(
            impl Write for $type {
                fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                    let $object = self;
                    build(py, intern!(py, $class), vec![$($value.write(py)?),*])
                }
            }
        )*
    };
}

objects! {
    "ClientInfo" ClientInfo(client) {
        id: client.id,
        addr: String::from(client.addr),
        laddr: String::from(client.laddr),
        resp: client.resp,
        name: client.name.into_vec()
    }
    "ReplicationStatus" Status(status) {
        is_replica: status.is_replica,
        offset: status.offset,
        link_up: status.link_up,
        last_io_boot_ms: status.last_io_boot_ms,
        replicas: status.replicas,
        lagging: status.lagging,
        order: status.order,
        data_order: status.data_order,
        history: status.history.as_str().to_owned(),
        previous_history: status.previous.as_str().to_owned(),
        parted_at: status.parted_at,
        writes_paused: status.writes_paused
    }
    "SlotTable" SlotTable(table) {
        owners: table.owners.iter().flat_map(|owner| owner.to_le_bytes()).collect::<Vec<u8>>(),
        endpoints: table.endpoints,
        myself: table.myself,
        my_primary: table.my_primary,
        state: table.state,
        migrating: table.migrating,
        importing: table.importing,
        shard_channels_when_down: table.shard_channels_when_down,
        has_data: table.has_data
    }
    "Endpoint" Endpoint(endpoint) {
        host: endpoint.host,
        port: endpoint.port,
        copies_wanted: endpoint.copies_wanted
    }
}

impl Read for Box<SlotTable> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut table = SlotTable::default();
        let owners: Owners = field(value, intern!(value.py(), "owners"))?;
        for (owner, two) in table.owners.iter_mut().zip(owners.0.chunks_exact(2)) {
            *owner = u16::from_le_bytes([two[0], two[1]]);
        }
        table.endpoints = field(value, intern!(value.py(), "endpoints"))?;
        let endpoints = table.endpoints.len();
        let position = |name: &Bound<'_, PyString>| -> PyResult<u16> {
            let position: u16 = field(value, name)?;
            if usize::from(position) < endpoints || position == NOBODY {
                Ok(position)
            } else {
                let text = format!("SlotTable.{name}: {position} is not an index into {endpoints} endpoints");
                Err(PyValueError::new_err(text))
            }
        };
        table.myself = position(intern!(value.py(), "myself"))?;
        table.my_primary = position(intern!(value.py(), "my_primary"))?;
        table.state = field(value, intern!(value.py(), "state"))?;
        table.migrating = field(value, intern!(value.py(), "migrating"))?;
        table.importing = field(value, intern!(value.py(), "importing"))?;
        table.shard_channels_when_down = field(value, intern!(value.py(), "shard_channels_when_down"))?;
        table.has_data = field(value, intern!(value.py(), "has_data"))?;
        Ok(Box::new(table))
    }
}

impl Write for Box<SlotTable> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        (*self).write(py)
    }
}

/// The owners of all slots, two bytes each.
struct Owners(PyBackedBytes);

impl Read for Owners {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes: PyBackedBytes = value.extract()?;
        if bytes.len() == 2 * SLOT_COUNT {
            return Ok(Owners(bytes));
        }
        Err(PyValueError::new_err(format!("{} bytes, wanted {}", bytes.len(), 2 * SLOT_COUNT)))
    }
}

impl Read for Vec<Endpoint> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value
            .try_iter()?
            .map(|endpoint| {
                let endpoint = endpoint?;
                Ok(Endpoint {
                    host: field(&endpoint, intern!(value.py(), "host"))?,
                    port: field(&endpoint, intern!(value.py(), "port"))?,
                    copies_wanted: field(&endpoint, intern!(value.py(), "copies_wanted"))?,
                })
            })
            .collect()
    }
}

impl Write for Vec<Endpoint> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let endpoints: PyResult<Vec<_>> = self.into_iter().map(|endpoint| endpoint.write(py)).collect();
        Ok(PyTuple::new(py, endpoints?)?.into_any())
    }
}

impl Read for Vec<u8> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.cast::<PyBytes>()?.as_bytes().to_vec())
    }
}

impl Write for Vec<u8> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(PyBytes::new(py, &self).into_any())
    }
}

impl Write for Arc<[u8]> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(PyBytes::new(py, &self).into_any())
    }
}

/// Lists of values.
macro_rules! lists {
    ($($type:ty),*) => {$(
        impl Read for Vec<$type> {
            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                value.try_iter()?.map(|item| <$type>::read(&item?)).collect()
            }
        }

        impl Write for Vec<$type> {
            fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                let items: PyResult<Vec<_>> = self.into_iter().map(|item| item.write(py)).collect();
                Ok(PyList::new(py, items?)?.into_any())
            }
        }
    )*};
}

lists!(Vec<u8>, OwnedArgs, u64);

/// Values of directives: texts that may hold other bytes too, as Python's surrogates.
impl Read for HashMap<String, Vec<u8>> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut values = HashMap::new();
        for (name, value) in value.cast::<PyDict>()? {
            values.insert(name.extract()?, bytes_of(value.cast::<PyString>()?)?);
        }
        Ok(values)
    }
}

impl Write for HashMap<String, Vec<u8>> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let values = PyDict::new(py);
        for (name, value) in self {
            let arguments = ("utf-8", "surrogateescape");
            values
                .set_item(name, PyBytes::new(py, &value).call_method1(intern!(py, "decode"), arguments)?)?;
        }
        Ok(values.into_any())
    }
}

/// The bytes that a text stands for.
fn bytes_of(text: &Bound<'_, PyString>) -> PyResult<Vec<u8>> {
    if let Ok(text) = text.to_str() {
        return Ok(text.as_bytes().to_vec());
    }
    let arguments = ("utf-8", "surrogateescape");
    let bytes = text.call_method1(intern!(text.py(), "encode"), arguments)?;
    Ok(bytes.cast::<PyBytes>()?.as_bytes().to_vec())
}

impl Read for Vec<(u16, u16)> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract()
    }
}

impl Write for Vec<(u16, u16)> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(PyTuple::new(py, self)?.into_any())
    }
}

impl Read for OwnedArgs {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut args = OwnedArgs::default();
        for arg in value.try_iter()? {
            args.push(arg?.cast::<PyBytes>()?.as_bytes());
        }
        Ok(args)
    }
}

impl Write for OwnedArgs {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(PyList::new(py, self.view().iter_from(0).map(|arg| PyBytes::new(py, arg)))?.into_any())
    }
}

impl Write for Vec<(&'static str, i64)> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let figures = PyDict::new(py);
        for (name, value) in self {
            figures.set_item(name, value)?;
        }
        Ok(figures.into_any())
    }
}

impl Write for Option<Primary> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        self.map(|primary| (primary.host, primary.port)).into_bound_py_any(py)
    }
}

impl Write for Option<u64> {
    fn write(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        self.into_bound_py_any(py)
    }
}
