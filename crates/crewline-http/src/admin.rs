//! `/api/v1/admin/…`: what administrators see and change, by the same acts as the command line.
//!
//! Every act is noted in the audit, in the transaction of the act. A secret is in the answer to what made it, once.

pub(crate) mod external;
pub(crate) mod log;
pub(crate) mod password;
pub(crate) mod read;
pub(crate) mod sign_out;
pub(crate) mod system;
pub(crate) mod token;
pub(crate) mod user;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use crewline_api::{ApiError, AuditKind, Kept, LogLine, Timestamp};
use crewline_core::{Directory, DirectoryError, NewAudit};

use crate::app::Edge;
use crate::audit::Administrator;
use crate::directory;
use crate::problem::Answered;

/// What the server knows of itself, for administrators: said by who put it together.
#[derive(Clone)]
pub struct Administration {
    /// The version of the program.
    pub version: String,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// The number of the store's schema.
    pub schema: Option<u32>,
    /// What is removed when it is old.
    pub kept: Kept,
    /// The latest warnings and errors of the log, newest first.
    pub log: Arc<dyn Fn() -> Vec<LogLine> + Send + Sync>,
    /// Bytes that are free on the disk of the store.
    pub disk_free: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
}

impl Default for Administration {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: None,
            schema: None,
            kept: Kept {
                messages_seconds: None,
                cursors_seconds: None,
                audit_seconds: None,
                read_only: true,
            },
            log: Arc::new(Vec::new),
            disk_free: Arc::new(|| None),
        }
    }
}

/// Carries an act of an administrator out, and notes it.
async fn act<T, F>(
    edge: &Edge,
    by: &Administrator,
    what: AuditKind,
    about: &str,
    act: F,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Directory, &mut Vec<NewAudit>, Timestamp) -> Result<T, DirectoryError>
        + Send
        + 'static,
{
    let done = directory::act(edge, by.0.does(what).about(about), act).await?;
    log(by, what, about);
    Ok(done)
}

/// Ends something of that name, with more about it for the audit. Where there is no such thing nothing is noted.
async fn end<F>(
    edge: &Edge,
    by: &Administrator,
    what: AuditKind,
    about: &str,
    detail: Option<String>,
    end: F,
) -> Answered
where
    F: FnOnce(&mut dyn Directory) -> Result<bool, DirectoryError> + Send + 'static,
{
    let mut note = by.0.does(what).about(about);
    note.detail = detail;
    if !directory::change(edge, note, |directory, _| end(directory)).await? {
        return Err(ApiError::not_found().into());
    }
    log(by, what, about);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn log(by: &Administrator, what: AuditKind, about: &str) {
    tracing::info!(actor = %by.0.actor_name(), %about, %what, "administration");
}
