//! What a check found.

use serde::Serialize;
use std::fmt::Write as _;

use crate::style::Style;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// It works, and deserves a look.
    Warn,
    /// A server will not work well, or not at all.
    Fail,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How bad it is.
    pub(crate) status: Status,
    /// What was found.
    pub(crate) what: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(crate) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self {
            check,
            status: Status::Ok,
            what: what.into(),
            remedy: None,
        }
    }

    /// It works, and deserves a look.
    pub(crate) fn warn(
        check: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warn,
            remedy: Some(remedy.into()),
            ..Self::ok(check, what)
        }
    }

    /// A server will not work well, or not at all.
    pub(crate) fn fail(
        check: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Fail,
            ..Self::warn(check, what, remedy)
        }
    }

    /// For people: one line, and a second one with what to do.
    pub(crate) fn text(&self, style: Style) -> String {
        let status = match self.status {
            Status::Ok => style.green("ok  "),
            Status::Warn => style.yellow("warn"),
            Status::Fail => style.red("fail"),
        };
        let mut text = format!("{status}  {:<13}  {}\n", self.check, self.what);
        if let Some(remedy) = &self.remedy {
            let _ = writeln!(text, "                     {} {remedy}", style.bold("try:"));
        }
        text
    }
}
