//! What only the operating system knows of this process, for INFO; read from outside and handed in.

/// How a process ends that has a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// By SIGSEGV.
    Segfault,
    /// By SIGABRT.
    Abort,
}

/// Memory and processor time of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessFacts {
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Memory of the machine in bytes.
    pub machine_bytes: u64,
    /// Seconds in the kernel, all threads.
    pub cpu_system: f64,
    /// Seconds in user code, all threads.
    pub cpu_user: f64,
    /// Seconds in the kernel, the engine's thread.
    pub cpu_system_engine: f64,
    /// Seconds in user code, the engine's thread.
    pub cpu_user_engine: f64,
}
