//! The soak: what a long and steady load does to the server, looked at every ten seconds, and judged by its trend.

mod log;
mod sample;
mod trend;

pub(crate) use log::Log;
pub(crate) use sample::{EVERY, Probe, Sample};
pub(crate) use trend::judge;
