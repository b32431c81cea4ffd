//! How a store is opened.

use std::path::PathBuf;
use std::time::Duration;

/// By which clock the times of nodes go: until when a lease is held, and a node is believed to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeClock {
    /// That of the database: the nodes' own may differ.
    Database,
    /// What the caller says, for tests in which time does not pass by itself.
    Caller,
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// The address: `postgres://USER:PASSWORD@HOST/DATABASE`. It may name several hosts; the one that takes writes is found.
    pub url: String,
    /// The password, where the address has none.
    pub password: Option<Vec<u8>>,
    /// Certificates that are trusted beside the machine's own, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Most connections that read.
    pub readers: usize,
    /// How long to wait for a connection to be made, or for a free one.
    pub connect: Duration,
    /// How long what became of a commit is looked up whose answer was lost. Nobody of that batch is answered before; after it
    /// nobody knows, and the store is given up.
    pub settle: Duration,
    /// By which clock the times of nodes go.
    pub node_clock: NodeClock,
}

impl Options {
    /// With the defaults of a server.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            ca_file: None,
            readers: 8,
            connect: Duration::from_secs(5),
            settle: Duration::from_mins(1),
            node_clock: NodeClock::Database,
        }
    }
}
