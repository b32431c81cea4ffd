//! How a table is described that is copied.

use super::ROWS_MAX;

/// What a column holds, whatever the store calls its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Number,
    /// Yes or no: 1 or 0.
    Truth,
    /// A text, compared by bytes.
    Text,
    /// Bytes.
    Bytes,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub empty: bool,
}

impl Column {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        let empty = false;
        Self { name, kind, empty }
    }

    pub(super) const fn or_none(self) -> Self {
        let empty = true;
        Self { empty, ..self }
    }
}

/// A table. Its first columns are its key, in whose order it is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// How many of the columns are the key.
    pub key: usize,
    /// All columns.
    pub columns: &'static [Column],
    /// Most rows that are read or written at once.
    pub rows: usize,
    /// Whether a number that was used is never used again, even where its row is gone: then the last one is copied, too.
    pub remembers: bool,
}

impl Table {
    pub(super) const fn new(name: &'static str, key: usize, columns: &'static [Column]) -> Self {
        Self {
            name,
            key,
            columns,
            rows: ROWS_MAX,
            remembers: false,
        }
    }

    /// Of wide rows fewer are read at once.
    pub(super) const fn wide(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    pub(super) const fn remembering(self) -> Self {
        Self {
            remembers: true,
            ..self
        }
    }

    /// The columns of the key.
    pub fn key_columns(&self) -> &'static [Column] {
        self.columns.get(..self.key).unwrap_or(self.columns)
    }
}
