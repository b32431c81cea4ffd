//! How far a long copy has come: on standard error, for the person who waits. A short one says nothing.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use crewline_store_sqlite::admin::Progress;

use crate::output::complain;

/// How often it is said on a terminal, and elsewhere.
const TERMINAL_EVERY: Duration = Duration::from_secs(2);
const LINE_EVERY: Duration = Duration::from_secs(10);

const MIB: u64 = 1024 * 1024;

/// Says now and then that so much of so much is `done`.
pub(crate) fn meter(done: &'static str) -> Progress {
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { TERMINAL_EVERY } else { LINE_EVERY };
    let mut told = Instant::now();
    Box::new(move |bytes, of| {
        if told.elapsed() < every {
            return;
        }
        told = Instant::now();
        complain(&text(done, bytes, of));
    })
}

fn text(done: &str, bytes: u64, of: u64) -> String {
    let percent = (bytes * 100).checked_div(of).unwrap_or(0);
    format!("{done} {} of {} MiB ({percent} %)\n", bytes / MIB, of / MIB)
}

/// How far a long run has come, for the person who waits: a bar on a terminal, elsewhere a line now and then.
pub(crate) struct Bar {
    what: &'static str,
    of: u64,
    terminal: bool,
    told: Instant,
    shown: bool,
}

/// How often a bar grows. A short run ends before it is seen.
const BAR_EVERY: Duration = Duration::from_millis(500);
const BAR_WIDTH: u64 = 30;

impl Bar {
    /// So many of these are to be done.
    pub(crate) fn new(what: &'static str, of: u64) -> Self {
        Self {
            what,
            of,
            terminal: std::io::stderr().is_terminal(),
            told: Instant::now(),
            shown: false,
        }
    }

    /// So many are done.
    pub(crate) fn at(&mut self, done: u64) {
        let every = if self.terminal { BAR_EVERY } else { LINE_EVERY };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        self.shown = true;
        let text = bar(self.what, done, self.of);
        complain(&if self.terminal {
            format!("\r{text}")
        } else {
            format!("{text}\n")
        });
    }

    /// All are done.
    pub(crate) fn end(self) {
        if self.shown && self.terminal {
            complain(&format!("\r{}", bar(self.what, self.of, self.of)));
        }
    }
}

impl Drop for Bar {
    /// What is said next, well or ill, begins on a line of its own.
    fn drop(&mut self) {
        if self.shown && self.terminal {
            complain("\n");
        }
    }
}

fn bar(what: &str, done: u64, of: u64) -> String {
    let of = of.max(done);
    let full = (done * BAR_WIDTH).checked_div(of).unwrap_or(BAR_WIDTH);
    let bar: String = (0..BAR_WIDTH)
        .map(|at| if at < full { '#' } else { '.' })
        .collect();
    let percent = (done * 100).checked_div(of).unwrap_or(100);
    format!("[{bar}] {percent:3} %  {done} of {of} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_of_how_much() {
        assert_eq!(
            text("copied", 30 * MIB, 120 * MIB),
            "copied 30 of 120 MiB (25 %)\n"
        );
        assert_eq!(text("copied", 0, 0), "copied 0 of 0 MiB (0 %)\n");
    }

    #[test]
    fn a_bar_fills_up_and_never_runs_over() {
        let text = bar("messages", 15, 30);
        assert_eq!(
            text,
            "[###############...............]  50 %  15 of 30 messages"
        );
        assert!(bar("messages", 31, 30).contains("100 %  31 of 31"));
        assert!(bar("messages", 0, 0).contains("100 %"));
    }
}
