//! The table: what was measured, in sections, beside what was aimed at.

use std::fmt::{self, Write as _};
use std::path::Path;

use crate::machine::Flush;

const BEGIN: &str = "<!-- figures: begin, written by make bench -->";
const END: &str = "<!-- figures: end -->";

/// One table of Markdown. Columns without a name hold words, the others numbers.
pub(crate) struct Section {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Section {
    pub(crate) fn new(title: &str, head: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.head.len(), "a row of {}", self.title);
        self.rows.push(cells.into());
    }
}

/// All sections of a run, and all aims.
pub(crate) struct Table {
    machine: String,
    before: Flush,
    after: Option<Flush>,
    sections: Vec<Section>,
    aims: Vec<(String, String, bool)>,
    not_measured: Vec<String>,
}

impl Table {
    pub(crate) fn new(machine: String, before: Flush) -> Self {
        Self {
            machine,
            before,
            after: None,
            sections: Vec::new(),
            aims: Vec::new(),
            not_measured: Vec::new(),
        }
    }

    pub(crate) fn flush_after(&mut self, after: Flush) {
        self.after = Some(after);
    }

    pub(crate) fn section(&mut self, section: Section) {
        // Of one row alone some parts have none.
        if !section.rows.is_empty() {
            self.sections.push(section);
        }
    }

    pub(crate) fn aim(&mut self, what: &str, measured: String, met: bool) {
        self.aims.push((what.to_owned(), measured, met));
    }

    /// What this machine lacks, in words that stand in the table.
    pub(crate) fn not_measured(&mut self, what: &str) {
        self.not_measured.push(what.to_owned());
    }

    /// Puts the table into a page, in place of the one between the marks.
    pub(crate) fn write(&self, page: &Path) {
        let text = std::fs::read_to_string(page)
            .unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let parts = text.split_once(BEGIN).and_then(|(head, rest)| {
            let (_, tail) = rest.split_once(END)?;
            Some((head, tail))
        });
        let (head, tail) = parts.unwrap_or_else(|| {
            panic!(
                "{} has no block between the lines {BEGIN} and {END}",
                page.display()
            )
        });
        std::fs::write(page, format!("{head}{BEGIN}\n\n{self}\n{END}{tail}")).unwrap();
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        let is_number = |column: usize| !self.head[column].is_empty();
        let rule: Vec<String> = (0..self.head.len())
            .map(|column| if is_number(column) { "--:" } else { "---" }.to_owned())
            .collect();
        let rows = || [&self.head, &rule].into_iter().chain(&self.rows);
        let width = |column: usize| {
            let widths = rows().map(|row| row[column].chars().count());
            widths.max().unwrap_or(0)
        };
        for row in rows() {
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(width(column).saturating_sub(cell.chars().count()));
                if is_number(column) {
                    write!(f, "| {pad}{cell} ")?;
                } else {
                    write!(f, "| {cell}{pad} ")?;
                }
            }
            writeln!(f, "|")?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flush = |flush: &Flush| {
            format!(
                "{:.2} ms (p99 {:.2}; in place {:.2}; {} samples)",
                flush.median_ms, flush.p99_ms, flush.in_place_ms, flush.samples
            )
        };
        let mut first = format!(
            "{}. A flush of 4 KiB: {} before",
            self.machine,
            flush(&self.before)
        );
        if let Some(after) = &self.after {
            write!(first, ", {} after", flush(after))?;
        }
        writeln!(f, "{first}.\n")?;
        for section in &self.sections {
            writeln!(f, "{section}")?;
        }
        for what in &self.not_measured {
            writeln!(f, "Not measured. {what}\n")?;
        }
        writeln!(f, "### Aims\n\n```")?;
        for (aim, measured, met) in &self.aims {
            let word = if *met { "met   " } else { "MISSED" };
            writeln!(f, "{word} {aim}: {measured}")?;
        }
        writeln!(f, "```")
    }
}
