//! Moving a whole store into another one: filling it, and comparing both sides. What is asked and shown is in `migrate`.
//!
//! While a page is written the next one is read; two pages wait at most.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crewline_core::StoreError;
use crewline_core::copy::{CopySource, CopyTarget, Sum, TABLES, Table, Value, mark_of};

use crate::failure::Failure;
use crate::progress::Bar;

/// Pages that were read and not written.
const PAGES_WAITING: usize = 2;
/// What a comparison says of how far it came, before somebody has looked.
const STEPS_WAITING: usize = 64;
/// Messages that are put into the index in one step.
const INDEX_ROWS: usize = 4_000;

/// What a source is, before anything is copied.
pub(super) struct Plan {
    facts: Vec<(&'static str, String)>,
    /// How many rows each table has.
    counts: Vec<u64>,
    /// The last numbers of those tables that remember them.
    numbers: Vec<(&'static Table, i64)>,
    mark: String,
}

impl Plan {
    /// Looks at a source.
    pub(super) fn of(source: &mut dyn CopySource, schema: i32) -> Result<Self, StoreError> {
        let facts = source.facts()?;
        let counts: Result<Vec<u64>, _> = TABLES.iter().map(|table| source.count(table)).collect();
        let counts = counts?;
        let mut numbers = Vec::new();
        for table in TABLES.iter().filter(|table| table.remembers) {
            numbers.push((table, source.last_number(table)?));
        }
        let epoch = facts.iter().find(|(name, _)| *name == "epoch");
        let epoch = epoch.map_or("", |(_, epoch)| epoch.as_str());
        let state: Vec<i64> = counts.iter().map(|count| *count as i64).collect();
        let state: Vec<i64> = state
            .into_iter()
            .chain(numbers.iter().map(|(_, number)| *number))
            .collect();
        let mark = mark_of(epoch, schema, &facts, &state);
        Ok(Self {
            facts,
            counts,
            numbers,
            mark,
        })
    }

    /// How many rows there are in all.
    pub(super) fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many messages there are.
    pub(super) fn messages(&self) -> u64 {
        let mut tables = TABLES.iter().zip(&self.counts);
        let messages = tables.find(|(table, _)| table.name == "message");
        messages.map_or(0, |(_, count)| *count)
    }

    /// The epoch of the logs.
    pub(super) fn epoch(&self) -> &str {
        self.mark.split(' ').next().unwrap_or_default()
    }

    /// Begins the copy, or finds the one that was begun; says whether it was.
    pub(super) fn begin(&self, target: &mut dyn CopyTarget) -> Result<bool, Failure> {
        let Some(begun) = target.mark()? else {
            target.begin(&self.mark)?;
            return Ok(false);
        };
        if begun == self.mark {
            return Ok(true);
        }
        let (mine, theirs) = (parts(&self.mark), parts(&begun));
        let why = if mine.0 != theirs.0 {
            "of another store"
        } else if mine.1 != theirs.1 {
            "by another version of crewline"
        } else {
            "of an older state of this store, which was changed since"
        };
        Err(
            Failure::new(format!("{} is a copy that was begun {why}", target.name()))
                .remedy("--anew removes what was copied, and begins again"),
        )
    }
}

/// Epoch and schema of a mark.
fn parts(mark: &str) -> (&str, &str) {
    let mut parts = mark.split(' ');
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

/// How much was copied in this run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Copied {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// Copies all that the target does not hold yet, in transactions of at most so many rows.
pub(super) fn fill(
    source: &mut dyn CopySource,
    target: &mut dyn CopyTarget,
    plan: &Plan,
    most: usize,
) -> Result<Copied, StoreError> {
    let mut bar = Bar::new("rows copied", plan.rows());
    let (mut copied, mut before) = (Copied::default(), 0);
    for table in TABLES {
        let after = target.last_key(table)?;
        if after.is_some() {
            before += target.count(table)?;
        }
        let reader = &mut *source;
        thread::scope(|scope| {
            let (sender, pages) = sync_channel(PAGES_WAITING);
            let limit = most.min(table.rows);
            scope.spawn(move || {
                pages_of(reader, table, after, limit, &mut |page| {
                    sender.send(page).is_ok()
                });
            });
            for page in pages {
                let page = page?;
                target.write(table, &page)?;
                copied.rows += page.rows().len() as u64;
                copied.bytes += page.bytes();
                bar.at(before + copied.rows);
            }
            Ok(())
        })?;
    }
    target.settle(&plan.facts, &plan.numbers)?;
    bar.end();
    Ok(copied)
}

type Read = Result<crewline_core::copy::Page, StoreError>;

/// Reads a table behind a key to its end, or until nobody takes it any more.
fn pages_of<S: CopySource + ?Sized>(
    store: &mut S,
    table: &Table,
    mut after: Option<Vec<Value>>,
    limit: usize,
    take: &mut dyn FnMut(Read) -> bool,
) {
    loop {
        let page = store.page(table, after.as_deref(), limit);
        let Ok(read) = &page else {
            take(page);
            return;
        };
        after = read.last_key(table);
        let is_last = read.rows().len() < limit;
        if after.is_none() || !take(page) || is_last {
            return;
        }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) rows: u64,
    pub(super) sum: String,
}

/// A table on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) table: &'static str,
    pub(super) from: Side,
    pub(super) to: Side,
}

impl Compared {
    pub(super) fn is_same(&self) -> bool {
        self.from == self.to
    }
}

/// Reads both sides whole, at the same time, and compares counts and checksums of every table.
pub(super) fn compare(
    source: &mut dyn CopySource,
    target: &mut dyn CopyTarget,
    plan: &Plan,
) -> Result<Vec<Compared>, StoreError> {
    let mut bar = Bar::new("rows compared", 2 * plan.rows());
    let (steps, looked) = sync_channel(STEPS_WAITING);
    let (from, to) = thread::scope(|scope| {
        let theirs: SyncSender<u64> = steps.clone();
        let from = scope.spawn(move || sums(source, &theirs));
        let to = scope.spawn(move || sums(target, &steps));
        watch(&looked, &mut bar);
        (from.join(), to.join())
    });
    bar.end();
    let (from, to) = (whole(from)?, whole(to)?);
    let both = from.into_iter().zip(to);
    Ok(both
        .map(|((table, from), (_, to))| Compared { table, from, to })
        .collect())
}

/// A panic goes on where it was waited for.
fn whole<T>(joined: thread::Result<Result<T, StoreError>>) -> Result<T, StoreError> {
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn watch(looked: &Receiver<u64>, bar: &mut Bar) {
    let mut rows = 0;
    for more in looked {
        rows += more;
        bar.at(rows);
    }
}

/// The sums of one side: of the facts, then of each table.
fn sums<S: CopySource + ?Sized>(
    store: &mut S,
    looked: &SyncSender<u64>,
) -> Result<Vec<(&'static str, Side)>, StoreError> {
    let mut sums = vec![("meta", side(Sum::of_facts(&store.facts()?)))];
    for table in TABLES {
        let (mut sum, mut fault) = (Sum::of(table), None);
        pages_of(store, table, None, table.rows, &mut |page| match page {
            Ok(page) => {
                sum.add(&page);
                looked.send(page.rows().len() as u64).is_ok()
            }
            Err(error) => {
                fault = Some(error);
                false
            }
        });
        if let Some(error) = fault {
            return Err(error);
        }
        if table.remembers {
            sum.add_number(store.last_number(table)?);
        }
        sums.push((table.name, side(sum)));
    }
    Ok(sums)
}

fn side(sum: Sum) -> Side {
    Side {
        rows: sum.rows,
        sum: sum.text_of(),
    }
}

/// Puts all messages into the index that is searched.
pub(super) fn index(target: &mut dyn CopyTarget, messages: u64) -> Result<(), StoreError> {
    let mut bar = Bar::new("messages put into the index", messages);
    let mut done = 0;
    while target.index(INDEX_ROWS)? {
        done += INDEX_ROWS as u64;
        bar.at(done);
    }
    bar.end();
    Ok(())
}
