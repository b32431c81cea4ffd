//! What became of a message with each recipient, shown as it comes: a live table on a terminal, else a line for each
//! change.

use crewline_api::{ReceiptState, Timestamp};
use serde_json::json;

use super::local_time;
use crate::failure::Failure;
use crate::output::{Output, plain};

/// A live table must fit on the screen: above that, lines.
const LIVE_ROWS_MAX: usize = 20;
const ID_CHARS_SHOWN: usize = 40;

/// One recipient.
struct Row {
    user: String,
    state: ReceiptState,
    at: Timestamp,
    implied: bool,
}

enum Mode {
    Live,
    Lines,
    Json,
}

/// The states of a message's recipients.
pub(crate) struct States {
    message: String,
    rows: Vec<Row>,
    mode: Mode,
}

/// How to show the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// For people.
    People,
    /// One JSON object a line.
    Json,
}

impl States {
    /// Shows that a message was accepted for these recipients.
    pub(crate) fn accepted(
        out: &mut Output,
        show: Show,
        message: &str,
        users: Vec<String>,
        at: Timestamp,
    ) -> Result<Self, Failure> {
        let live = out.is_terminal()
            && users.len() <= LIVE_ROWS_MAX
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let mode = match show {
            Show::Json => Mode::Json,
            Show::People if live => Mode::Live,
            Show::People => Mode::Lines,
        };
        let row = |user| Row {
            user,
            state: ReceiptState::Accepted,
            at,
            implied: false,
        };
        let states = Self {
            message: message.to_owned(),
            rows: users.into_iter().map(row).collect(),
            mode,
        };
        for row in &states.rows {
            states.show(row, out)?;
        }
        Ok(states)
    }

    /// Takes a recipient's new state, and shows it where it is one.
    pub(crate) fn reached(
        &mut self,
        out: &mut Output,
        user: &str,
        state: ReceiptState,
        at: Timestamp,
        implied: bool,
    ) -> Result<(), Failure> {
        let Some(row) = self
            .rows
            .iter_mut()
            .find(|row| row.user == user && row.state < state)
        else {
            return Ok(());
        };
        (row.state, row.at, row.implied) = (state, at, implied);
        if matches!(self.mode, Mode::Live) {
            out.write(&format!("\u{1b}[{}A", self.rows.len()))?;
            for row in &self.rows {
                self.show(row, out)?;
            }
            return Ok(());
        }
        match self.rows.iter().find(|row| row.user == user) {
            Some(row) => self.show(row, out),
            None => Ok(()),
        }
    }

    /// Whether every recipient has come at least so far.
    pub(crate) fn all(&self, wanted: ReceiptState) -> bool {
        self.rows.iter().all(|row| row.state >= wanted)
    }

    /// Those who have not come so far, for the last word.
    pub(crate) fn missing(&self, wanted: ReceiptState) -> String {
        let missing: Vec<_> = self.rows.iter().filter(|row| row.state < wanted).collect();
        let named: Vec<_> = missing.iter().take(5).map(|row| plain(&row.user)).collect();
        let more = missing.len().saturating_sub(named.len());
        let tail = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{}{tail}", named.join(", "))
    }

    fn show(&self, row: &Row, out: &mut Output) -> Result<(), Failure> {
        if matches!(self.mode, Mode::Json) {
            let mut line = json!({
                "messageId": self.message, "userId": row.user, "state": row.state, "at": row.at,
            });
            if row.implied {
                line["implied"] = json!(true);
            }
            return out.json(&line);
        }
        let style = out.style();
        let width = self
            .rows
            .iter()
            .map(|row| row.user.chars().count().min(ID_CHARS_SHOWN))
            .max();
        let width = width.unwrap_or(0);
        let mut user = plain(&row.user);
        if user.chars().count() > ID_CHARS_SHOWN {
            user = user.chars().take(ID_CHARS_SHOWN - 1).chain(['…']).collect();
        }
        let state = match row.state {
            ReceiptState::Accepted => row.state.to_string(),
            ReceiptState::Delivered => style.yellow(row.state.as_str()),
            ReceiptState::Read | ReceiptState::Acknowledged => style.green(row.state.as_str()),
        };
        let time = style.dim(&local_time(row.at));
        let clear = if matches!(self.mode, Mode::Live) {
            "\r\u{1b}[2K"
        } else {
            ""
        };
        out.line(&format!("{clear}{time}  {user:<width$}  {state}"))
    }
}
