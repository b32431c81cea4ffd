//! A store opened beside the server that serves it: for the administrator's commands.

use crewline_core::{Directory, Reader};

use crate::connection::WriteConnection;
use crate::reader::PostgresReader;

/// A store opened beside a server. Each act on the directory is a short transaction, which the server notices.
pub struct Beside {
    reader: PostgresReader,
    main: WriteConnection,
}

impl Beside {
    pub(crate) fn new(main: WriteConnection, reader: PostgresReader) -> Self {
        Self { reader, main }
    }

    /// Reading.
    pub fn reader(&self) -> &dyn Reader {
        &self.reader
    }

    /// The directory.
    pub fn directory(&mut self) -> &mut dyn Directory {
        &mut self.main
    }
}
