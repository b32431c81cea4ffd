//! Loading what a batch is decided on: from any store, by its port; and how large a batch is.

use crate::command::Command;
use crate::needs::{Wanted, to_lock, to_read, to_resolve};
use crate::port::{StoreError, StoreErrorKind, Writer};
use crate::state::State;

/// Most rows of one batch, about: what is decided and committed together.
pub const BATCH_ROWS_MAX: usize = 16_384;
/// Most bytes of one batch, about.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most rounds of one step. The needs are satisfied in four at most; more is a fault of the house.
const ROUNDS_MAX: u32 = 12;

/// Loads what these commands need, in three steps: what never changes, the locks, what changes. Inside of a batch.
///
/// # Errors
/// Those of the store; [`StoreErrorKind::Corrupt`] where it does not give what it is asked for.
pub fn load_batch(
    writer: &mut dyn Writer,
    commands: &[&Command],
    state: &mut State,
) -> Result<(), StoreError> {
    in_rounds(writer, commands, state, to_resolve)?;
    writer.lock(&mut || to_lock(commands, state))?;
    in_rounds(writer, commands, state, to_read)
}

/// Loads until nothing is missing.
fn in_rounds(
    writer: &mut dyn Writer,
    commands: &[&Command],
    state: &mut State,
    needs: fn(&[&Command], &State) -> Wanted,
) -> Result<(), StoreError> {
    for _ in 0..ROUNDS_MAX {
        let wanted = needs(commands, state);
        if wanted.is_empty() {
            return Ok(());
        }
        writer.load(&wanted, state)?;
    }
    let detail = "the store does not give what a batch needs, however often it is asked";
    Err(StoreError::new(StoreErrorKind::Corrupt, detail))
}
