//! What became of a commit whose answer was lost.

use std::time::{Duration, Instant};

use crewline_core::{StoreError, StoreErrorKind};

use super::WriteConnection;
use crate::error::Fault;

impl WriteConnection {
    /// Looks whether a transaction was written whose end was not confirmed. With the turn in hand the other connection's
    /// transaction is over, one way or the other.
    pub(super) fn find_out(
        &mut self,
        row: i64,
        name: &[u8],
        doing: &str,
        error: &StoreError,
    ) -> Result<(), StoreError> {
        tracing::warn!(%error, "a commit was not confirmed; asking the database what became of it");
        let since = Instant::now();
        while since.elapsed() < self.settle {
            match self.was_written(row, name, doing) {
                Ok(true) => {
                    self.lineage().confirm(name);
                    return Ok(());
                }
                Ok(false) => {
                    self.lineage().undo();
                    let what = "the connection was lost before the commit";
                    return Err(self.place().explain(StoreErrorKind::Conflict, doing, &what));
                }
                Err(error) if error.kind == StoreErrorKind::Lost => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "the database cannot be asked yet");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
        let lost = self.place().lost(doing, error);
        self.lost = Some(lost.clone());
        Err(lost)
    }

    fn was_written(&mut self, row: i64, name: &[u8], doing: &str) -> Result<bool, StoreError> {
        self.begin(doing)?;
        let sql = self.open_sql(doing)?;
        let found = sql.value::<Vec<u8>>("SELECT transaction FROM writer WHERE no = $1", &[&row]);
        let found = found.map_err(|fault| self.give_up(doing, fault))?;
        if found.is_none_or(|found| found != name) {
            self.rollback();
            return Ok(false);
        }
        // It may be here and not at the standby that was to confirm it: what is written after it is confirmed after it.
        let confirm = || {
            let sql = self.open_sql(doing)?;
            sql.execute("UPDATE writer SET at = now() WHERE no = $1", &[&row])?;
            sql.commit()
        };
        let confirmed: Result<(), Fault> = confirm();
        confirmed.map_err(|fault| self.give_up(doing, fault))?;
        Ok(true)
    }
}
