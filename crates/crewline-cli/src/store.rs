//! The store that is meant, whichever it is: opened beside a server for the administrator's commands.

use crewline_core::{Directory, Reader};

/// A store opened beside a server. Each act on the directory is a short transaction, which the server notices.
pub(crate) enum Beside {
    /// A file of SQLite.
    Sqlite(Box<crewline_store_sqlite::Beside>),
    /// A database of PostgreSQL.
    Postgres(Box<crewline_store_postgres::Beside>),
}

impl Beside {
    /// Reading.
    pub(crate) fn reader(&self) -> &dyn Reader {
        match self {
            Self::Sqlite(store) => store.reader(),
            Self::Postgres(store) => store.reader(),
        }
    }

    /// The directory.
    pub(crate) fn directory(&mut self) -> &mut dyn Directory {
        match self {
            Self::Sqlite(store) => store.directory(),
            Self::Postgres(store) => store.directory(),
        }
    }
}
