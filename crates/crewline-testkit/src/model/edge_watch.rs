//! Who watches whom, at the edge of the specification.

use crewline_api::{ApiError, ErrorCode, FieldCode, Role};
use crewline_core::{Credential, DirectoryError, Scope};
use serde_json::{Value, json};

use super::acts::id;
use super::answer::Answer;
use super::core::Core;
use super::directory::Act;
use super::edge::{Edge, good, not_allowed};
use super::op::Op;

/// The directory is kept by administrators alone.
fn must_administer(credential: &Credential) -> Result<(), ApiError> {
    match &credential.scope {
        Scope::Administration
        | Scope::User {
            role: Role::Administrator,
            ..
        } => Ok(()),
        Scope::User { .. } | Scope::Externals(_) => Err(not_allowed()),
    }
}

fn refused(error: &DirectoryError) -> ApiError {
    match error {
        DirectoryError::NoUser(_) | DirectoryError::NoParticipant(_) => ApiError::not_found(),
        DirectoryError::WatchesItself(_) => ApiError::field("userId", FieldCode::Conflict, ""),
        _ => ApiError::new(ErrorCode::Internal, ""),
    }
}

impl<C: Core> Edge<C> {
    pub(super) async fn watch_op(&mut self, op: &Op) -> Result<Answer, ApiError> {
        let act = match op {
            Op::Watch { by, user, whose } => {
                must_administer(&self.credential(*by)?)?;
                Act::Watch(id(user), id(whose))
            }
            Op::Unwatch { by, user, whose } => {
                must_administer(&self.credential(*by)?)?;
                Act::Unwatch(id(user), id(whose))
            }
            Op::Watchers { by, whose } => {
                must_administer(&self.credential(*by)?)?;
                let rows = self.core.watchers(&id(whose));
                let rows = rows.ok_or_else(ApiError::not_found)?;
                let rows: Vec<Value> = rows
                    .iter()
                    .map(|row| json!({"userId": row.id, "name": row.name, "since": row.since}))
                    .collect();
                return Ok(good(json!({ "watchers": rows })));
            }
            _ => unreachable!("called for watchers"),
        };
        let done = self.core.directory(act).await;
        done.map_err(|error| refused(&error))?;
        self.end_sessions();
        Ok(Answer::new(204, Value::Null))
    }
}
