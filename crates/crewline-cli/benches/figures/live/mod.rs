//! The live wire: what it measures with, on both ends. The load generator is one thread, and does as little as it can:
//! it shares two cores with the server.

pub(crate) mod bare;
pub(crate) mod crowd;
pub(crate) mod frame;
pub(crate) mod line;
pub(crate) mod post;
pub(crate) mod protocol;
pub(crate) mod relay;
pub(crate) mod scan;
pub(crate) mod sender;

/// The runtime of the load generator.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
