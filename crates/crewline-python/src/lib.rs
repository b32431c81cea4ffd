//! The native module of the Python package `crewline`: handles on an engine in this process, or on a server.
//!
//! It owns what must not be done in Python: the runtime, the calls, and the reading of logs. It never calls an observer; the
//! package takes events from it in batches, so that Python is entered once for many of them. Whoever waits here has let
//! go of the interpreter's lock.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod backend;
mod call;
mod consumer;
mod core;
mod error;
mod person;
mod source;
mod value;

/// The module `crewline._native`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::consumer::Consumer;
    #[pymodule_export]
    use crate::core::Core;
    #[pymodule_export]
    use crate::person::Person;
}
