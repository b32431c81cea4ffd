//! Checksums of tables, and the name of a source's state: of values, in one form for all stores.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{Page, Table, Value};

/// A checksum that grows with the rows of a table, in the order of its key.
#[derive(Clone)]
pub struct Sum {
    hash: Sha256,
    buffer: Vec<u8>,
    /// How many rows went into it.
    pub rows: u64,
}

impl Sum {
    /// Of a table without rows.
    pub fn of(table: &Table) -> Self {
        let mut sum = Self {
            hash: Sha256::new(),
            buffer: Vec::new(),
            rows: 0,
        };
        for column in table.columns {
            sum.text(column.name);
        }
        sum
    }

    /// Of facts.
    pub fn of_facts(facts: &[(&'static str, String)]) -> Self {
        let mut sum = Self {
            hash: Sha256::new(),
            buffer: Vec::new(),
            rows: facts.len() as u64,
        };
        for (name, value) in facts {
            sum.text(name);
            sum.text(value);
        }
        sum
    }

    /// Adds rows.
    pub fn add(&mut self, page: &Page) {
        for row in page.rows() {
            self.rows += 1;
            for value in row {
                self.value(value);
            }
        }
        self.flush();
    }

    /// Adds a number that belongs to it.
    pub fn add_number(&mut self, number: i64) {
        self.value(&Value::Number(number));
    }

    fn text(&mut self, text: &str) {
        self.counted(2, text.as_bytes());
    }

    /// Each value says what it is, and how long: no two lists of values are the same bytes.
    fn value(&mut self, value: &Value) {
        match value {
            Value::None => self.buffer.push(0),
            Value::Number(number) => {
                self.buffer.push(1);
                self.buffer.extend_from_slice(&number.to_le_bytes());
            }
            Value::Text(text) => self.counted(2, text.as_bytes()),
            Value::Bytes(bytes) => self.counted(3, bytes),
        }
    }

    fn counted(&mut self, kind: u8, bytes: &[u8]) {
        self.buffer.push(kind);
        self.buffer
            .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.buffer.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        self.hash.update(&self.buffer);
        self.buffer.clear();
    }

    /// The checksum, in hexadecimal.
    pub fn text_of(mut self) -> String {
        self.flush();
        let digest = self.hash.finalize();
        digest.iter().fold(String::new(), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// How a half-made copy names what it is of: the epoch, the schema, and the state in which the source was. What is cheap to
/// ask is in it; that nothing else changed is found at the end, by the checksums.
pub fn mark_of(
    epoch: &str,
    schema: i32,
    facts: &[(&'static str, String)],
    counts: &[i64],
) -> String {
    let mut sum = Sum::of_facts(facts);
    for count in counts {
        sum.add_number(*count);
    }
    let state = sum.text_of();
    let state = state.get(..16).unwrap_or(&state);
    format!("{epoch} {schema} {state}")
}

#[cfg(test)]
mod tests {
    use super::super::TABLES;
    use super::*;

    fn sum(values: [Value; 2]) -> String {
        let table = TABLES.iter().find(|table| table.name == "kept_text");
        let table = table.expect("it is a table");
        let mut page = Page::of(table);
        for value in values {
            page.push(value);
        }
        let mut sum = Sum::of(table);
        sum.add(&page);
        sum.text_of()
    }

    #[test]
    fn what_differs_in_anything_has_another_checksum() {
        let text = |text: &str| Value::Text(text.to_owned());
        let bytes = |text: &str| Value::Bytes(text.as_bytes().to_vec());
        let all = [
            sum([text("ab"), text("c")]),
            sum([text("a"), text("bc")]),
            sum([bytes("a"), text("bc")]),
            sum([text(""), Value::None]),
            sum([Value::None, text("")]),
            sum([Value::Number(0), Value::None]),
            sum([Value::Number(0), Value::Number(0)]),
            sum([Value::Number(0), Value::Number(-1)]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
        assert_eq!(sum([text("ab"), text("c")]), all[0]);
    }

    #[test]
    fn rows_in_two_pages_are_the_rows_of_one() {
        let table = TABLES.first().expect("there are tables");
        let page = |numbers: std::ops::Range<i64>| {
            let mut page = Page::of(table);
            for number in numbers {
                page.push(Value::Number(number));
            }
            page
        };
        let width = table.columns.len() as i64;
        let (mut one, mut two) = (Sum::of(table), Sum::of(table));
        one.add(&page(0..2 * width));
        two.add(&page(0..width));
        two.add(&page(width..2 * width));
        assert_eq!((one.rows, one.text_of()), (2, two.text_of()));
    }
}
