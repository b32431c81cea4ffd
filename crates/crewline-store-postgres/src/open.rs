//! Opening a store: to serve it, or beside a server.

use std::sync::Arc;

use crewline_core::{Opened, StoreError};

use crate::beside::Beside;
use crate::connect::Connector;
use crate::connection::WriteConnection;
use crate::copy::refuse_half_made;
use crate::migration;
use crate::options::Options;
use crate::pool::Pool;
use crate::reader::PostgresReader;
use crate::survey::OFF;
use crate::writer::PostgresWriter;

/// Opens a store to serve it, and makes its tables where there are none. Several servers may.
///
/// # Errors
/// Where the database cannot be reached, or the schema is of a newer version: each with what to do.
pub fn open(options: &Options) -> Result<Opened, StoreError> {
    let (mut main, reader) = connect(options, true)?;
    main.serve()?;
    // Who fills it holds alone what is shared now: a copy that was begun before this has its mark, and none begins after it.
    refuse(&mut main)?;
    warn_of_what_is_off(&mut main)?;
    let writer = PostgresWriter::new(main, reader.forgotten());
    Ok(Opened {
        writer: Box::new(writer),
        reader: Arc::new(reader),
    })
}

/// Opens a store beside a server, for a short act or a few; makes its tables where there are none and `make` says so.
///
/// # Errors
/// As [`open()`]; and where there are no tables and none are to be made.
pub fn open_beside(options: &Options, make: bool) -> Result<Beside, StoreError> {
    let (main, reader) = connect(options, make)?;
    Ok(Beside::new(main, reader))
}

fn connect(options: &Options, make: bool) -> Result<(WriteConnection, PostgresReader), StoreError> {
    let connector = Connector::new(options)?;
    let mut main = WriteConnection::new(connector.clone(), options.settle, options.node_clock);
    migration::migrate(&mut main, make)?;
    refuse(&mut main)?;
    let pool = Pool::new(connector, options.readers, options.connect);
    Ok((main, PostgresReader::new(pool, options.node_clock)))
}

/// Says what the database is told not to do that a server promises.
fn warn_of_what_is_off(main: &mut WriteConnection) -> Result<(), StoreError> {
    let doing = "opening the store";
    let off = main.sql(doing)?.simple(OFF);
    let off = off.map_err(|fault| main.place().error(doing, fault))?;
    if let Some(off) = off {
        tracing::warn!(
            %off,
            "the database does not keep what was answered when its machine loses power: set this on; `crewline doctor` says how"
        );
    }
    Ok(())
}

/// Refuses a half-made copy.
fn refuse(main: &mut WriteConnection) -> Result<(), StoreError> {
    let place = main.place().clone();
    refuse_half_made(main.sql("opening the store")?, &place)
}
