//! What goes to standard output and standard error.
//!
//! A reader that goes away (`crewline user list | head -1`) is no fault: what is left is not written, and nothing panics.

use std::io::{self, IsTerminal as _, Write as _};

use crate::failure::Failure;
use crate::style::{Color, Style};

/// Standard output.
pub(crate) struct Output {
    style: Style,
    terminal: bool,
    closed: bool,
}

impl Output {
    /// Standard output, with colour or not.
    pub(crate) fn new(color: Color) -> Self {
        Self {
            style: Style::of(color, &io::stdout()),
            terminal: io::stdout().is_terminal(),
            closed: false,
        }
    }

    /// How to write here.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Whether a person looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether the reader has gone away.
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// Writes text and flushes it.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes a line and flushes it.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(&format!("{text}\n"))
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
        self.line(&text)
    }

    /// Writes bytes and flushes them.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::new(format!(
                "cannot write to standard output: {error}"
            ))),
        }
    }
}

/// Writes to standard error. If even that fails there is nobody left to tell.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Warns on standard error.
pub(crate) fn warn(color: Color, text: &str) {
    let style = Style::of(color, &io::stderr());
    complain(&format!("{} {text}\n", style.yellow("warning:")));
}

/// A table with aligned columns.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(|text| (*text).to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| plain(&cell)).to_vec());
    }

    /// Adds a row of any width.
    pub(crate) fn cells(&mut self, cells: &[String]) {
        self.rows
            .push(cells.iter().map(|cell| plain(cell)).collect());
    }

    /// The table as text, headings bold.
    pub(crate) fn render(&self, style: Style) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|at| {
                let width = |row: &Vec<String>| row.get(at).map_or(0, |cell| cell.chars().count());
                self.rows.iter().map(width).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let line = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect::<Vec<_>>()
                .join("  ");
            let line = line.trim_end();
            text.push_str(&if number == 0 {
                style.bold(line)
            } else {
                line.to_owned()
            });
            text.push('\n');
        }
        text
    }
}

/// Text that others wrote, safe to show: a terminal must not take a part of it for a command, and it must not reorder
/// what stands beside it.
pub(crate) fn plain(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !text.contains(hidden) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push('⏎'),
            '\t' => shown.push(' '),
            '\r' => {}
            c if hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let mut table = Table::new(&["ID", "NAME"]);
        table.row(["a".to_owned(), "Alice".to_owned()]);
        table.row(["längste".to_owned(), String::new()]);
        let style = Style::of(Color::Never, &io::stdout());
        assert_eq!(
            table.render(style),
            "ID       NAME\na        Alice\nlängste\n"
        );
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb⏎c\\u{202e}d");
        assert_eq!(plain("🚑 Ä"), "🚑 Ä");
    }
}
