//! A copy of a whole store into another one, as plain values: what `crewline migrate` moves.
//!
//! The target is filled table by table in the order of the keys, a page in each transaction: what it holds is always a
//! beginning of what the source holds, and its own last key says where to go on. From [`CopyTarget::begin`] to
//! [`CopyTarget::finish`] it bears a mark, and is served by nobody.

mod sum;
mod table;
mod tables;

use crate::port::StoreError;

pub use sum::{Sum, mark_of};
pub use table::{Column, Kind, Table};
pub use tables::{FACTS, OWN_FACTS, OWN_TABLES, TABLES};

/// Most rows that are read or written at once.
pub const ROWS_MAX: usize = 5_000;

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    None,
    /// A number, or a truth.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Rows of a table that follow each other in the order of its key: the values of the first, of the second, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    width: usize,
    values: Vec<Value>,
}

impl Page {
    /// An empty one.
    pub fn of(table: &Table) -> Self {
        Self {
            width: table.columns.len(),
            values: Vec::new(),
        }
    }

    /// Adds the next value.
    pub fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[Value]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// About how many bytes its values are.
    pub fn bytes(&self) -> u64 {
        let size = |value: &Value| match value {
            Value::None => 0,
            Value::Number(_) => 8,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        };
        self.values.iter().map(size).sum::<usize>() as u64
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The key of the last row.
    pub fn last_key(&self, table: &Table) -> Option<Vec<Value>> {
        let last = self.rows().last()?;
        last.get(..table.key).map(<[Value]>::to_vec)
    }
}

/// A whole store in one state. While it is held, nobody serves it and nobody changes it.
pub trait CopySource: Send {
    /// What it is, as people are shown it.
    fn name(&self) -> String;

    /// The facts of [`FACTS`] that it has, in that order.
    fn facts(&mut self) -> Result<Vec<(&'static str, String)>, StoreError>;

    /// How many rows a table has.
    fn count(&mut self, table: &Table) -> Result<u64, StoreError>;

    /// The last number that was given to a row of a table that [remembers](Table::remembers) it; 0 where there was none.
    fn last_number(&mut self, table: &Table) -> Result<i64, StoreError>;

    /// The next rows behind a key, at most `limit`, in the order of the key. None are left where there are fewer.
    fn page(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Page, StoreError>;
}

/// A store that is filled.
pub trait CopyTarget: CopySource {
    /// Of what it is a half-made copy, if it is one.
    fn mark(&mut self) -> Result<Option<String>, StoreError>;

    /// Marks it as a half-made copy; refuses a store that holds anything.
    fn begin(&mut self, mark: &str) -> Result<(), StoreError>;

    /// The last key of a table: where the copy goes on.
    fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Value>>, StoreError>;

    /// Adds rows behind all that are there, in one transaction. It need not be durable yet.
    fn write(&mut self, table: &Table, page: &Page) -> Result<(), StoreError>;

    /// Takes over facts, and the last number of a table that remembers it, when all rows are there.
    fn settle(
        &mut self,
        facts: &[(&'static str, String)],
        numbers: &[(&'static Table, i64)],
    ) -> Result<(), StoreError>;

    /// Takes the mark away, durably, with all that was written before.
    fn finish(&mut self) -> Result<(), StoreError>;

    /// Puts up to `rows` messages into the index that is searched; returns whether there are more. When the copy is finished.
    fn index(&mut self, rows: usize) -> Result<bool, StoreError>;
}

/// What is said where somebody wants to use a half-made copy as a store.
pub fn half_made(name: &str) -> String {
    format!(
        "{name} is a half-made copy of another store. Go on with `crewline migrate`, from and to the same addresses, until it says \
         that all is moved; or begin anew with --anew"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_once_and_its_key_is_never_empty() {
        let mut names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        names.extend(OWN_TABLES);
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        for table in TABLES {
            assert!(!table.key_columns().is_empty(), "{}", table.name);
            assert!(table.key_columns().iter().all(|column| !column.empty));
        }
        assert!(FACTS.is_sorted() && FACTS.iter().all(|fact| !OWN_FACTS.contains(fact)));
    }

    #[test]
    fn a_page_knows_its_rows_and_its_last_key() {
        let table = TABLES.iter().find(|table| table.name == "kept_text");
        let table = table.expect("it is a table");
        let mut page = Page::of(table);
        assert_eq!(page.last_key(table), None);
        for number in [1, 2, 1, 3] {
            page.push(Value::Number(number));
        }
        assert_eq!(page.rows().len(), 2);
        let last = vec![Value::Number(1), Value::Number(3)];
        assert_eq!(page.last_key(table), Some(last));
    }
}
