//! The connection that writes: transactions with the turn, and finding out what became of one whose answer was lost.

mod fate;

use std::time::Duration;

use crewline_core::{DirectoryError, Fence, StoreError, StoreErrorKind};

use crate::connect::{Connector, Purpose, Rest};
use crate::error::{Fault, Place, Refusal};
use crate::lineage::{Lineage, synchronous};
use crate::options::NodeClock;
use crate::save::Writes;
use crate::sql::{Call, Sql};
use crate::turn::{END, remove_old, sign_on, turn};
use crate::{meta, node};

/// What was written last, by its name.
const NOTE: &str = "UPDATE writer w SET transaction = u.name, at = now() FROM unnest($1::int8[], $2::bytea[]) u (no, name) WHERE w.no = u.no";

/// With the turn: whether standbys confirm. (Columns are computed in their order.)
const TAKE_TURN: &str = concat!(
    "SELECT pg_advisory_xact_lock(",
    turn!(),
    "), CASE WHEN ",
    synchronous!(),
    " THEN 's' ELSE 'a' END"
);
/// The same of a batch, with the number of the turn behind it.
const TAKE_TURN_AND_NUMBER: &str = concat!(
    "SELECT pg_advisory_xact_lock(",
    turn!(),
    "), CASE WHEN ",
    synchronous!(),
    " THEN 's' ELSE 'a' END || nextval('turn')"
);

/// The connection that writes. It is made anew where it was lost.
pub(crate) struct WriteConnection {
    connector: Connector,
    sql: Option<Sql>,
    rest: Rest,
    /// The row of `writer` that says what was written last; only of who serves.
    row: Option<i64>,
    /// The other end of the connection, of who serves.
    who: Option<String>,
    /// How long the fate of a commit is looked for.
    settle: Duration,
    /// Counts transactions, so that each has a name.
    count: u64,
    /// Grows with each connection: what one knew, the next one does not.
    made: u64,
    /// Whether participants changed since this was last asked.
    participants_changed: bool,
    /// Whether they changed in the transaction that is open.
    changes_participants: bool,
    joined: bool,
    /// Under which lease acts are written.
    fence: Option<Fence>,
    node_clock: NodeClock,
    /// Where it is not known what became of a commit.
    lost: Option<StoreError>,
    /// What the open transaction notes of whether standbys confirm.
    notes: Option<bool>,
    /// The number of a turn that was taken for a batch, and used for something else.
    skipped: Option<i64>,
}

impl WriteConnection {
    pub(crate) fn new(connector: Connector, settle: Duration, node_clock: NodeClock) -> Self {
        Self {
            connector,
            sql: None,
            rest: Rest::default(),
            row: None,
            who: None,
            settle,
            count: 0,
            made: 0,
            participants_changed: false,
            changes_participants: false,
            joined: false,
            fence: None,
            node_clock,
            lost: None,
            notes: None,
            skipped: None,
        }
    }

    /// Makes this one that serves; others may serve the same store.
    pub(crate) fn serve(&mut self) -> Result<(), StoreError> {
        let doing = "opening the store";
        self.sql(doing)?;
        let Some(sql) = &self.sql else {
            return Err(self.place().error(doing, Fault::damaged("no connection")));
        };
        let serving = || {
            self.connector.judge(sql)?;
            let row: Option<i64> = sql.value(
                "INSERT INTO writer (transaction) VALUES ('') RETURNING no",
                &[],
            )?;
            self.lineage().serve(row.unwrap_or_default());
            let who = sign_on(sql, row)?;
            remove_old(sql)?;
            Ok((row, who))
        };
        let served: Result<_, Fault> = serving();
        (self.row, self.who) = served.map_err(|fault| self.place().error(doing, fault))?;
        Ok(())
    }

    fn lineage(&self) -> &Lineage {
        self.connector.lineage()
    }

    /// Why this process must end, where it must: nobody knows what became of a commit, or the logs do not go on.
    pub(crate) fn lost(&self) -> Option<StoreError> {
        self.lost.clone().or_else(|| self.lineage().replaced())
    }

    pub(crate) fn place(&self) -> &Place {
        self.connector.place()
    }

    /// What makes connections.
    pub(crate) fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// Whether a transaction was begun with the end of the one before, and is not in use yet.
    pub(crate) fn is_ahead(&self) -> bool {
        self.sql.as_ref().is_some_and(Sql::is_ahead)
    }

    /// Grows with each connection.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }

    /// The connection; a new one where there is none.
    pub(crate) fn sql(&mut self, doing: &str) -> Result<&Sql, StoreError> {
        if let Some(error) = self.lost() {
            return Err(error);
        }
        if self.sql.as_ref().is_none_or(Sql::is_closed) {
            self.sql = None;
            self.sql = Some(self.reconnect(doing)?);
        }
        let error = || {
            self.connector
                .place()
                .error(doing, Fault::damaged("no connection"))
        };
        self.sql.as_ref().ok_or_else(error)
    }

    /// The connection of the transaction that is open.
    pub(crate) fn open_sql(&self, doing: &str) -> Result<&Sql, StoreError> {
        let open = self.sql.as_ref().filter(|sql| sql.is_open());
        open.ok_or_else(|| {
            let what = "the connection was lost";
            self.place()
                .explain(StoreErrorKind::Unavailable, doing, &what)
        })
    }

    fn reconnect(&mut self, doing: &str) -> Result<Sql, StoreError> {
        if let Some(error) = self.rest.why(&self.connector) {
            return Err(error);
        }
        let before = self.connector.made();
        let sql = self.connector.connect(Purpose::Write);
        let sql = sql.inspect_err(|error| self.rest.begin(before, error))?;
        self.made += 1;
        if self.row.is_some() {
            let served = self.serve_again(&sql);
            served.map_err(|fault| self.place().error(doing, fault))?;
        }
        Ok(sql)
    }

    /// Where the network was cut, the database may not know yet that nobody is at the end of the connection before, which may
    /// hold the turn: it is ended.
    fn serve_again(&mut self, sql: &Sql) -> Result<(), Fault> {
        if let Some(who) = &self.who {
            sql.value::<i64>(END, &[who])?;
        }
        self.who = sign_on(sql, self.row)?;
        Ok(())
    }

    /// By which clock nodes go.
    pub(crate) fn node_clock(&self) -> NodeClock {
        self.node_clock
    }

    /// Under which lease acts are written from now on.
    pub(crate) fn set_fence(&mut self, fence: Option<Fence>) {
        self.fence = fence;
    }

    /// Begins a transaction that is written only where the lease that was said is still held.
    pub(crate) fn begin_fenced(&mut self, doing: &str) -> Result<(), StoreError> {
        self.begin(doing)?;
        let Some(fence) = self.fence else {
            return Ok(());
        };
        match node::stands(self.open_sql(doing)?, fence) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.rollback();
                Err(self.place().superseded(doing, fence.name))
            }
            Err(fault) => Err(self.give_up(doing, fault)),
        }
    }

    /// Writes what may be written again, as one transaction: a note of this node, a step of the index. Where the answer is lost, it is
    /// an error, and nobody asks what became of it: that would keep all others waiting.
    pub(crate) fn note<T>(
        &mut self,
        doing: &str,
        note: impl FnOnce(&Sql) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.begin(doing)?;
        match note(self.open_sql(doing)?) {
            Ok(value) => {
                let ended = self.open_sql(doing)?.commit();
                ended.map_err(|fault| self.give_up(doing, fault))?;
                if let Some(synchronous) = self.notes.take() {
                    self.lineage().noted(synchronous);
                }
                Ok(value)
            }
            Err(fault) => Err(self.give_up(doing, fault)),
        }
    }

    /// Begins a transaction that writes, with the turn.
    pub(crate) fn begin(&mut self, doing: &str) -> Result<(), StoreError> {
        // Where a batch was begun already, and something goes before it.
        let shown = self.begin_with(TAKE_TURN, doing)?;
        self.skipped = shown.parse().ok().or(self.skipped);
        Ok(())
    }

    /// The number of a turn that was taken for a batch, and used for something else since this was last asked.
    pub(crate) fn take_skipped(&mut self) -> Option<i64> {
        self.skipped.take()
    }

    /// The same of a batch; returns the number of the turn.
    pub(crate) fn begin_batch(&mut self, doing: &str) -> Result<i64, StoreError> {
        let turn = self.begin_with(TAKE_TURN_AND_NUMBER, doing)?.parse().ok();
        turn.ok_or_else(|| {
            self.rollback();
            let fault = Fault::damaged("the sequence of turns gives no number");
            self.place().error(doing, fault)
        })
    }

    /// Begins a transaction; returns what the statements show behind the letter that says whether standbys confirm. Where that
    /// has changed, it is noted in this transaction: so the note is never older than what was answered.
    fn begin_with(&mut self, sql: &'static str, doing: &str) -> Result<String, StoreError> {
        let shown = self.begin_or_again(sql, doing)?.unwrap_or_default();
        let (synchronous, rest) = (shown.starts_with('s'), shown.get(1..));
        if self.row.is_some() && self.lineage().is_to_note(synchronous) {
            let noted = match (self.lineage().note(synchronous), self.open_sql(doing)) {
                (Some(note), Ok(sql)) => meta::note_timeline(sql, note),
                (None, _) => Ok(()),
                (_, Err(error)) => Err(error.into()),
            };
            noted.map_err(|fault| self.give_up(doing, fault))?;
            self.notes = Some(synchronous);
        }
        Ok(rest.unwrap_or_default().to_owned())
    }

    fn begin_or_again(
        &mut self,
        sql: &'static str,
        doing: &str,
    ) -> Result<Option<String>, StoreError> {
        if !self.is_ahead() {
            self.rollback();
        }
        self.changes_participants = false;
        // One that had ended while nobody asked for anything is no reason to fail: a new one is made, once.
        let kept = self.sql.as_ref().is_some_and(|sql| !sql.is_closed());
        match self.sql(doing)?.begin(sql) {
            Err(fault) if kept && fault.kind() == StoreErrorKind::Unavailable => {
                tracing::debug!(%fault, "the connection to the database has ended; another one is made");
                self.sql = None;
            }
            begun => return begun.map_err(|fault| self.give_up(doing, fault)),
        }
        let begun = self.sql(doing)?.begin(sql);
        begun.map_err(|fault| self.give_up(doing, fault))
    }

    /// Ends what was begun after an error. A connection that cannot be used is not kept: it may be one to a server that takes
    /// no writes any more.
    pub(crate) fn give_up(&mut self, doing: &str, fault: impl Into<Fault>) -> StoreError {
        let error = self.place().error(doing, fault);
        self.rollback();
        if error.kind == StoreErrorKind::Unavailable {
            self.sql = None;
        }
        error
    }

    /// Whether participants changed since this was last asked.
    pub(crate) fn take_participants_changed(&mut self) -> bool {
        std::mem::take(&mut self.participants_changed)
    }

    /// To be said by an act that changes participants.
    pub(crate) fn note_participants_changed(&mut self) {
        self.participants_changed = true;
        self.changes_participants = true;
    }

    /// Ends the transaction of an act; what it wrote is durable when this returns `Ok`, and not there after an error
    /// (unless it says [`StoreErrorKind::Lost`]).
    pub(crate) fn commit(&mut self, doing: &str) -> Result<(), StoreError> {
        if self.changes_participants {
            // Others who write hold participants in memory.
            let turned = self.open_sql(doing)?.execute("SELECT nextval('turn')", &[]);
            if let Err(fault) = turned {
                return Err(self.give_up(doing, fault));
            }
        }
        self.count += 1;
        let name = u128::from(self.count);
        self.commit_as(name, Writes::default(), false, doing)
    }

    /// Ends the transaction of this name, in one trip with what it writes. With `more` that trip begins the next batch, too:
    /// whoever else waits for the turn has it before.
    pub(crate) fn commit_as(
        &mut self,
        name: u128,
        writes: Writes,
        more: bool,
        doing: &str,
    ) -> Result<(), StoreError> {
        let name = name.to_be_bytes();
        let note = |row| Call::new(NOTE).with(vec![row]).with(vec![name.to_vec()]);
        let writes = writes.with(self.row.map(note));
        let next = more.then_some(TAKE_TURN_AND_NUMBER);
        let sql = self.open_sql(doing)?;
        self.lineage().doubt(&name);
        let Err(fault) = sql.commit_with(&writes, next) else {
            self.lineage().confirm(&name);
            if let Some(synchronous) = self.notes.take() {
                self.lineage().noted(synchronous);
            }
            return Ok(());
        };
        self.notes = None;
        let error = self.place().error(doing, fault);
        let closed = error.kind == StoreErrorKind::Unavailable;
        if !closed {
            self.lineage().undo();
            self.rollback();
            return Err(error);
        }
        self.sql = None;
        match self.row {
            // It is not known whether it was written.
            Some(row) => self.find_out(row, &name, doing, &error),
            None => Err(error),
        }
    }

    /// Ends the transaction, if there is one, without a change.
    pub(crate) fn rollback(&mut self) {
        self.changes_participants = false;
        self.notes = None;
        if let Some(sql) = &self.sql {
            sql.rollback();
        }
    }

    /// Begins a transaction in which the acts that follow take part, until [`end_joined`](Self::end_joined): none of them
    /// is written by itself. The transaction is then ended by [`commit`](Self::commit) or [`rollback`](Self::rollback).
    pub(crate) fn begin_joined(&mut self, doing: &str) -> Result<(), StoreError> {
        self.begin_fenced(doing)?;
        self.joined = true;
        Ok(())
    }

    /// Acts are transactions of their own again.
    pub(crate) fn end_joined(&mut self) {
        self.joined = false;
    }

    /// Runs an act that changes participants; see [`act`](Self::act).
    pub(crate) fn act_changing<T>(
        &mut self,
        doing: &str,
        act: impl FnOnce(&Sql) -> Result<T, Refusal>,
    ) -> Result<T, DirectoryError> {
        self.run_act(true, doing, act)
    }

    /// Runs an act as one transaction, or as a part of the one around it.
    pub(crate) fn act<T>(
        &mut self,
        doing: &str,
        act: impl FnOnce(&Sql) -> Result<T, Refusal>,
    ) -> Result<T, DirectoryError> {
        self.run_act(false, doing, act)
    }

    fn run_act<T>(
        &mut self,
        changing: bool,
        doing: &str,
        act: impl FnOnce(&Sql) -> Result<T, Refusal>,
    ) -> Result<T, DirectoryError> {
        let joined = self.joined;
        if !joined {
            self.begin_fenced(doing)?;
        }
        if changing {
            self.note_participants_changed();
        }
        match act(self.open_sql(doing)?) {
            Ok(value) => {
                if !joined {
                    self.commit(doing)?;
                }
                Ok(value)
            }
            Err(refusal) => {
                if !joined {
                    self.rollback();
                }
                Err(self.explain(doing, refusal))
            }
        }
    }

    pub(crate) fn explain(&self, doing: &str, refusal: Refusal) -> DirectoryError {
        match refusal {
            Refusal::Directory(error) => error,
            Refusal::Fault(fault) => self.place().error(doing, fault).into(),
        }
    }
}
