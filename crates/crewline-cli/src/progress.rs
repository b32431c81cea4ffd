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
}
