//! One table of Markdown, with footnotes.

use std::fmt;

/// See the module. Columns without a name hold words, the others numbers.
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, head: impl IntoIterator<Item = String>) -> Self {
        Self {
            title: title.into(),
            head: head.into_iter().collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Appends a row. What is missing at its end is empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// A footnote, and the mark that stands where it belongs. The same words have the same mark.
    pub(crate) fn note(&mut self, text: &str) -> String {
        let known = self.notes.iter().position(|note| note == text);
        let place = known.unwrap_or_else(|| {
            self.notes.push(text.to_owned());
            self.notes.len() - 1
        });
        format!(" ({})", place + 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        let is_number = |column: usize| !self.head[column].is_empty();
        let rule: Vec<String> = (0..self.head.len())
            .map(|column| if is_number(column) { "--:" } else { "---" }.to_owned())
            .collect();
        for row in [&self.head, &rule].into_iter().chain(&self.rows) {
            // Words may hold what would end a cell.
            let cells = row.iter().map(|cell| cell.replace('|', "\\|"));
            writeln!(f, "| {} |", cells.collect::<Vec<_>>().join(" | "))?;
        }
        for (place, note) in self.notes.iter().enumerate() {
            writeln!(f, "\n({}) {note}.", place + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_rule_its_rows_and_each_note_once() {
        let mut table = Table::new("Round trip", ["", "ms"].map(str::to_owned));
        let mark = table.note("as it says itself");
        assert_eq!(table.note("as it says itself"), mark);
        table.row(["a | b".to_owned(), format!("1.5{mark}")]);
        table.row(["c".to_owned()]);
        let expected = "### Round trip\n\n|  | ms |\n| --- | --: |\n| a \\| b | 1.5 (1) |\n| c |  |\n\n(1) as it says itself.\n";
        assert_eq!(table.to_string(), expected);
    }
}
