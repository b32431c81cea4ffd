//! Colour and columns, where there is a terminal that can show them and nobody asked for none.

use std::io::{IsTerminal as _, stdout};

/// How to write on the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    is_colored: bool,
}

impl Style {
    /// For files.
    pub(crate) const PLAIN: Self = Self { is_colored: false };

    /// Of standard output; <https://no-color.org> is heeded.
    pub(crate) fn of_output() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            is_colored: stdout().is_terminal() && !refused && !dumb,
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.is_colored {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds for people: `8 ms`, `1.4 s`, `3:05 min`.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{}:{:02} min", ms / 60_000, ms / 1_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_as_people_read_them() {
        assert_eq!(
            [
                grouped(7),
                grouped(1_234),
                grouped(123_456),
                grouped(1_234_567)
            ],
            ["7", "1,234", "123,456", "1,234,567"]
        );
        assert_eq!(
            [span(8), span(1_440), span(185_000)],
            ["8 ms", "1.4 s", "3:05 min"]
        );
    }
}
