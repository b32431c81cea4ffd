//! One connection, spoken to from a thread that may block.
//!
//! The connection itself is driven by the store's runtime; here its answers are waited for. Statements are prepared once for
//! each connection. Several that do not need each other's answers travel together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::{join, join_all};
use pollster::block_on;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

use crate::connect::Driver;
use crate::error::Fault;
use crate::lineage::Identity;
use crate::together::Together;

type Result<T> = std::result::Result<T, Fault>;
/// What the connection says.
type Answer<T> = std::result::Result<T, tokio_postgres::Error>;

/// Statements that were put together and are kept prepared: which parts a batch has differs, but not often.
const TOGETHER_MAX: usize = 64;

/// A value of a statement.
pub(crate) type Value = Box<dyn ToSql + Sync + Send>;

/// A statement and its values.
pub(crate) struct Call {
    sql: &'static str,
    values: Vec<Value>,
}

impl Call {
    /// A statement without values; see [`Call::with`].
    pub(crate) fn new(sql: &'static str) -> Self {
        Self {
            sql,
            values: Vec::new(),
        }
    }

    /// With one value more.
    pub(crate) fn with(mut self, value: impl ToSql + Sync + Send + 'static) -> Self {
        self.values.push(Box::new(value));
        self
    }

    /// The statement.
    pub(crate) fn sql(&self) -> &'static str {
        self.sql
    }

    /// Its values.
    pub(crate) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect()
    }
}

/// What is still to be shown by what began a transaction.
type Ahead = Pin<Box<dyn Future<Output = Result<Option<String>>> + Send>>;

/// See the module.
pub(crate) struct Sql {
    client: Arc<Client>,
    identity: Identity,
    statements: RefCell<HashMap<&'static str, Statement>>,
    /// Those that were put together, by their parts.
    together: RefCell<HashMap<Vec<&'static str>, Statement>>,
    /// What begins the transaction, before the first statement in it.
    begins: Cell<Option<&'static str>>,
    /// Whether a transaction is open.
    open: Cell<bool>,
    /// Where it was begun with the end of the one before, and nobody has asked yet what came of that.
    ahead: RefCell<Option<Ahead>>,
    /// Keeps the runtime of the connection.
    _driver: Arc<Driver>,
}

impl Sql {
    pub(crate) fn new(client: Client, identity: Identity, driver: Arc<Driver>) -> Self {
        Self {
            client: Arc::new(client),
            identity,
            statements: RefCell::default(),
            together: RefCell::default(),
            begins: Cell::new(None),
            open: Cell::new(false),
            ahead: RefCell::new(None),
            _driver: driver,
        }
    }

    /// Which database is at the other end.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether a transaction is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Begins a transaction together with the first statement in it.
    pub(crate) fn begin_lazily(&self) {
        self.begins.set(Some("BEGIN"));
    }

    /// Whether a transaction was begun with the end of the one before, and is not in use yet.
    pub(crate) fn is_ahead(&self) -> bool {
        self.ahead.borrow().is_some()
    }

    /// Begins a transaction, with a statement in it; returns the last column that it shows. Where one was begun with the end of
    /// the one before, it is that one.
    pub(crate) fn begin(&self, first: &'static str) -> Result<Option<String>> {
        self.open.set(true);
        let ahead = self.ahead.take();
        let shown = ahead.map_or_else(|| self.begin_now(first), block_on);
        if shown.is_err() {
            self.rollback();
        }
        shown
    }

    fn begin_now(&self, first: &'static str) -> Result<Option<String>> {
        let statement = self.statement(first)?;
        let (begun, shown) = block_on(join(
            self.client.batch_execute("BEGIN"),
            self.client.query(&statement, &[]),
        ));
        begun?;
        last_column(shown)
    }

    /// Begins a transaction by statements as they are; returns the last column of the last row.
    pub(crate) fn begin_by(&self, sql: &str) -> Result<Option<String>> {
        self.open.set(true);
        let shown = self.simple(sql);
        if shown.is_err() {
            self.rollback();
        }
        shown
    }

    /// Runs statements as they are; returns the last column of the last row.
    pub(crate) fn simple(&self, sql: &str) -> Result<Option<String>> {
        show_last(block_on(self.client.simple_query(sql)))
    }

    /// Ends the transaction.
    pub(crate) fn commit(&self) -> Result<()> {
        self.commit_with(&[], None)
    }

    /// Ends the transaction, with statements before its end that travel together with it; and behind it, where somebody goes
    /// on at once, what begins the next one.
    pub(crate) fn commit_with(&self, last: &[Together], next: Option<&'static str>) -> Result<()> {
        self.begins.set(None);
        // Where that fails the transaction is still open, and its caller takes it back.
        let last = self.put_together(last)?;
        let next = next.map(|next| self.statement(next)).transpose()?;
        let (answers, end) = self.send_end(&last, next);
        self.open.set(self.is_ahead());
        // In their order: what comes behind the first error is only its consequence. The end, too: it has undone everything
        // then, and says that it went well.
        for (answer, (_, together)) in answers.into_iter().zip(last) {
            answer.map_err(|error| together.explain(error.into()))?;
        }
        Ok(end?)
    }

    fn send_end(
        &self,
        last: &[(Statement, &Together)],
        next: Option<Statement>,
    ) -> (Vec<Answer<u64>>, Answer<()>) {
        let answers = last.iter().map(|(statement, together)| async move {
            self.client.execute(statement, &together.values()).await
        });
        let end = if next.is_some() {
            "COMMIT; BEGIN"
        } else {
            "COMMIT"
        };
        let mut all = pin!(join(join_all(answers), self.client.batch_execute(end)));
        let mut next = next;
        block_on(poll_fn(|context| {
            let polled = all.as_mut().poll(context);
            // All of it is sent with the first look.
            if let Some(first) = next.take() {
                self.begin_ahead(first);
            }
            polled
        }))
    }

    fn begin_ahead(&self, first: Statement) {
        let client = Arc::clone(&self.client);
        let mut ahead: Ahead =
            Box::pin(async move { last_column(client.query(&first, &[]).await) });
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(shown) = ahead.as_mut().poll(&mut context) {
            ahead = Box::pin(ready(shown));
        }
        self.ahead.replace(Some(ahead));
    }

    /// The statements that these are, prepared.
    fn put_together<'a>(&self, all: &'a [Together]) -> Result<Vec<(Statement, &'a Together)>> {
        let of = |together: &'a Together| {
            let key = together.key();
            if let Some(statement) = self.together.borrow().get(&key) {
                return Ok((statement.clone(), together));
            }
            let statement = block_on(self.client.prepare(&together.text()))?;
            let mut known = self.together.borrow_mut();
            if known.len() >= TOGETHER_MAX {
                known.clear();
            }
            known.insert(key, statement.clone());
            Ok((statement, together))
        };
        all.iter().map(of).collect()
    }

    /// Ends the transaction without a change, if one is open. Nobody waits for the answer.
    pub(crate) fn rollback(&self) {
        self.begins.set(None);
        self.ahead.take();
        if self.open.replace(false) {
            self.send("ROLLBACK");
        }
    }

    /// Ends a transaction that only read. Nobody waits for the answer.
    pub(crate) fn end_reading(&self) {
        self.begins.set(None);
        if self.open.replace(false) {
            self.send("COMMIT");
        }
    }

    /// Sends a statement whose answer nobody needs: the connection takes it when it is first asked for.
    fn send(&self, sql: &str) {
        let sent = pin!(self.client.batch_execute(sql));
        let _ = sent.poll(&mut Context::from_waker(Waker::noop()));
    }

    fn statement(&self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = block_on(self.client.prepare(sql))?;
        self.statements.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    /// Prepares what is not prepared yet, all at once.
    fn prepare(&self, calls: &[Call]) -> Result<()> {
        let missing: Vec<&'static str> = {
            let known = self.statements.borrow();
            let all = calls.iter().map(|call| call.sql);
            all.filter(|sql| !known.contains_key(sql)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let prepared = block_on(join_all(missing.iter().map(|sql| self.client.prepare(sql))));
        for (sql, statement) in missing.into_iter().zip(prepared) {
            self.statements.borrow_mut().insert(sql, statement?);
        }
        Ok(())
    }

    /// Runs a future of the connection; begins the transaction before it, where that is still to be done.
    fn run<T>(
        &self,
        done: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let Some(begin) = self.begins.take() else {
            return Ok(block_on(done)?);
        };
        self.open.set(true);
        let (begun, done) = block_on(join(self.client.batch_execute(begin), done));
        begun?;
        Ok(done?)
    }

    /// Every row that a statement shows.
    pub(crate) fn query(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let statement = self.statement(sql)?;
        self.run(self.client.query(&statement, values))
    }

    /// The first row that it shows, if any.
    pub(crate) fn first(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// The first column of the first row.
    pub(crate) fn value<T: for<'a> FromSql<'a>>(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<T>> {
        self.first(sql, values)?.map(|row| get(&row, 0)).transpose()
    }

    /// The first row of a statement that is asked once: it is not kept prepared.
    pub(crate) fn once(&self, sql: &str) -> Result<Option<Row>> {
        let rows = block_on(self.client.query(sql, &[]))?;
        Ok(rows.into_iter().next())
    }

    /// Every row of a statement that is put together by its caller: it is not kept prepared.
    pub(crate) fn ask(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        Ok(block_on(self.client.query(sql, values))?)
    }

    /// Of which types the columns of a statement are.
    pub(crate) fn types(&self, sql: &str) -> Result<Vec<Type>> {
        let statement = block_on(self.client.prepare(sql))?;
        let columns = statement.columns().iter();
        Ok(columns.map(|column| column.type_().clone()).collect())
    }

    /// Adds rows by a `COPY … FROM STDIN (FORMAT binary)`, which is a transaction where none is open.
    pub(crate) fn copy_in<T: ToSql + Sync>(
        &self,
        sql: &str,
        types: &[Type],
        rows: impl Iterator<Item = impl ExactSizeIterator<Item = T>>,
    ) -> Result<()> {
        let copy = async {
            let sink = self.client.copy_in(sql).await?;
            let mut writer = pin!(BinaryCopyInWriter::new(sink, types));
            for row in rows {
                writer.as_mut().write_raw(row).await?;
            }
            writer.as_mut().finish().await.map(drop)
        };
        Ok(block_on(copy)?)
    }

    /// Runs a statement that changes rows; returns how many.
    pub(crate) fn execute(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        let statement = self.statement(sql)?;
        self.run(self.client.execute(&statement, values))
    }

    /// Runs several statements that travel together; returns what each shows.
    pub(crate) fn query_all(&self, calls: &[Call]) -> Result<Vec<Vec<Row>>> {
        self.prepare(calls)?;
        let statements = self.statements.borrow();
        let answers = calls.iter().map(|call| {
            let statement = &statements[call.sql];
            async move { self.client.query(statement, &call.values()).await }
        });
        let all = self.run(async { Ok(join_all(answers).await) })?;
        all.into_iter()
            .map(|rows| rows.map_err(Fault::from))
            .collect()
    }

    /// Runs several statements that change rows and travel together; returns how many rows each changed.
    pub(crate) fn execute_all(&self, calls: &[Call]) -> Result<Vec<u64>> {
        self.prepare(calls)?;
        let statements = self.statements.borrow();
        let answers = calls.iter().map(|call| {
            let statement = &statements[call.sql];
            async move { self.client.execute(statement, &call.values()).await }
        });
        let all = self.run(async { Ok(join_all(answers).await) })?;
        // In their order: what comes behind the first error is only its consequence.
        all.into_iter()
            .map(|count| count.map_err(Fault::from))
            .collect()
    }
}

/// The last column of the last row.
fn show_last(messages: Answer<Vec<SimpleQueryMessage>>) -> Result<Option<String>> {
    let messages = messages?;
    let last = messages.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let last = row.len().checked_sub(1)?;
            Some(row.get(last).map(str::to_owned))
        }
        _ => None,
    });
    Ok(last.flatten())
}

/// The last column of the last row of a statement that was prepared.
fn last_column(rows: Answer<Vec<Row>>) -> Result<Option<String>> {
    let rows = rows?;
    let Some(row) = rows.last() else {
        return Ok(None);
    };
    get(row, row.len().saturating_sub(1))
}

/// A column.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T> {
    Ok(row.try_get(at)?)
}
