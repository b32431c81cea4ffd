//! `/api/v1/admin/…`: what administrators see and change, by the same acts as the command line.
//!
//! Every act is noted in the audit, in the transaction of the act. A secret is in the answer to what made it, once.

pub(crate) mod external;
pub(crate) mod log;
pub(crate) mod read;
pub(crate) mod system;
pub(crate) mod token;
pub(crate) mod user;

use std::sync::Arc;

use crewline_api::{AuditKind, Kept, LogLine};
use crewline_core::{Directory, DirectoryError, NewAudit, audited};

use crate::app::Edge;
use crate::audit::Administrator;
use crate::directory::refused;
use crate::problem::Refusal;

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
) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Directory, &mut Vec<NewAudit>) -> Result<T, DirectoryError> + Send + 'static,
{
    let note = by.0.does(what).about(about);
    let done = edge
        .engine
        .directory(move |directory, now| audited(directory, note, now, act))
        .await?;
    let done = done.map_err(refused)?;
    tracing::info!(actor = %by.0.actor_name(), %about, %what, "administration");
    Ok(done)
}

/// A page of what was read with one more than it holds; the last one is named by `next` where there are more.
fn page<T>(rows: &mut Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> Option<String> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(name)
}
