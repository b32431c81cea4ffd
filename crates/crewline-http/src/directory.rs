//! Acts on the directory, each noted in the audit in its own transaction; and what the directory refuses, as callers are
//! told. Whoever acts on it has been let in before.

use crewline_api::limits::{PUSH_SUBSCRIPTIONS_MAX, WEBHOOKS_MAX};
use crewline_api::{ApiError, ErrorCode, FieldCode, Timestamp};
use crewline_core::{Directory, DirectoryError, NewAudit, StoreError, StoreErrorKind, audited};

use crate::app::Edge;
use crate::fault::quoted;
use crate::problem::internal;

/// Carries an act out, and notes it. The act may say more in its rows of the audit, or take them away where there is nothing
/// to be noted.
pub(crate) async fn act<T, F>(edge: &Edge, note: NewAudit, act: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Directory, &mut Vec<NewAudit>, Timestamp) -> Result<T, DirectoryError>
        + Send
        + 'static,
{
    try_act(edge, note, act).await?.map_err(refused)
}

/// The same, for who tells a refusal in another way.
pub(crate) async fn try_act<T, F>(
    edge: &Edge,
    note: NewAudit,
    act: F,
) -> Result<Result<T, DirectoryError>, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Directory, &mut Vec<NewAudit>, Timestamp) -> Result<T, DirectoryError>
        + Send
        + 'static,
{
    edge.engine
        .directory(move |directory, now| {
            audited(directory, note, now, |directory, notes| {
                act(directory, notes, now)
            })
        })
        .await
}

/// Carries an act out that says whether it changed anything. What is as before is no news, and is not noted.
pub(crate) async fn change<F>(edge: &Edge, note: NewAudit, change: F) -> Result<bool, ApiError>
where
    F: FnOnce(&mut dyn Directory, Timestamp) -> Result<bool, DirectoryError> + Send + 'static,
{
    act(edge, note, move |directory, notes, now| {
        let changed = change(directory, now)?;
        notes.retain(|_| changed);
        Ok(changed)
    })
    .await
}

/// A refusal of the directory.
pub(crate) fn refused(error: DirectoryError) -> ApiError {
    let not_there = |what: &str| ApiError::new(ErrorCode::NotFound, format!("There is no {what}."));
    match error {
        DirectoryError::Store(error) => failed(&error),
        DirectoryError::NoUser(id) => not_there(&format!("user {}", quoted(id.as_str()))),
        DirectoryError::NoParticipant(id) => {
            not_there(&format!("participant {}", quoted(id.as_str())))
        }
        DirectoryError::WatchesItself(id) => {
            let id = quoted(id.as_str());
            let detail = format!("is {id} itself; everybody reads their own log anyway");
            ApiError::field("userId", FieldCode::Conflict, detail)
        }
        error @ DirectoryError::Revision { .. } => ApiError::new(
            ErrorCode::RevisionConflict,
            format!("{error}. Read it again.").replacen('s', "S", 1),
        ),
        DirectoryError::ReservedGroup => ApiError::field(
            "groupId",
            FieldCode::Conflict,
            "is everyone on duty; nobody makes or removes that group",
        ),
        DirectoryError::UnknownMembers(_) => {
            ApiError::field("userIds", FieldCode::UnknownRecipient, format!("{error}"))
        }
        DirectoryError::TooManyMembers(_) => {
            ApiError::field("userIds", FieldCode::TooMany, format!("{error}"))
        }
        DirectoryError::TooManyGroups => {
            ApiError::field("groupId", FieldCode::TooMany, format!("{error}"))
        }
        DirectoryError::NoWebhook(no) => not_there(&format!("webhook {}", no.0)),
        DirectoryError::NotParked(seq) => ApiError::field(
            "parked",
            FieldCode::OutOfRange,
            format!("is {seq}, and that event is not parked; the list of failures says which are"),
        ),
        error @ DirectoryError::BeyondLog { .. } => ApiError::new(
            ErrorCode::AheadOfLog,
            format!("{error}.").replacen('t', "T", 1),
        ),
        DirectoryError::TooManyWebhooks => {
            let detail =
                format!("There are {WEBHOOKS_MAX} webhooks, and no more are allowed. Remove one.");
            ApiError::field("url", FieldCode::TooMany, detail)
        }
        DirectoryError::NoSession => {
            let detail = "The session has ended. Sign in again.";
            ApiError::new(ErrorCode::Unauthenticated, detail)
        }
        DirectoryError::TooManySubscriptions => {
            let detail = format!(
                "would be one more than {PUSH_SUBSCRIPTIONS_MAX}, and this server keeps no more subscriptions"
            );
            ApiError::field("endpoint", FieldCode::TooMany, detail)
        }
        DirectoryError::Exists { id, what } => {
            let detail = format!(
                "is {}, which exists already, as {what}",
                quoted(id.as_str())
            );
            ApiError::field("userId", FieldCode::Conflict, detail)
        }
        // No call of this edge imports users.
        DirectoryError::Line { .. } => internal(),
    }
}

fn failed(error: &StoreError) -> ApiError {
    tracing::error!(%error, "the directory could not be written");
    let code = match error.kind {
        StoreErrorKind::Full => ErrorCode::StorageFull,
        StoreErrorKind::Refused => ErrorCode::Internal,
        _ => ErrorCode::StorageUnavailable,
    };
    ApiError::new(code, "The store does not take writes now. Try again later.")
}
