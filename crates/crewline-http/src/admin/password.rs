//! `/api/v1/admin/users/{userId}/password`: the password that an administrator sets.

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::{ApiError, NewPassword, ParticipantId, PasswordSet};
use crewline_core::UserChange;

use super::read::read_new_password;
use super::user::{change, find};
use crate::answer::json;
use crate::app::Edge;
use crate::audit::Administrator;
use crate::body::JsonBody;
use crate::id::PathIds;
use crate::password;
use crate::problem::{Answered, internal};
use crate::query::NoQuery;
use crate::refusals::{BODY, CALLER, WRITE, refusals};

refusals!(PasswordRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);

/// Set a user's password.
///
/// For administrators. Open sessions of the user end. Where no password is said, one is made; it is in this answer, and
/// never shown again.
#[utoipa::path(
    put, path = "/api/v1/admin/users/{userId}/password", tag = "administration",
    params(("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls")),
    request_body(content = Option<NewPassword>, example = json!({})),
    responses((status = 200, description = "The password is set", body = PasswordSet), PasswordRefusals)
)]
pub(crate) async fn put_password(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let id = by.0.named_in_path(&id)?;
    let wanted = read_new_password(body)?;
    // A hash takes a core for some time: not for somebody who does not exist.
    find(&edge, &by, &id).await?;
    let (hash, made) = hash(&edge, wanted).await?;
    change(&edge, &by, &id, vec![UserChange::Password(hash)]).await?;
    let set = PasswordSet {
        user_id: id,
        password: made,
    };
    Ok(json(StatusCode::OK, &set))
}

/// Hashes a password, or one that is made here and returned beside it.
pub(super) async fn hash(
    edge: &Edge,
    password: Option<String>,
) -> Result<(String, Option<String>), ApiError> {
    let made = password.is_none().then(|| make(edge.engine.random()));
    let password = password.or_else(|| made.clone()).unwrap_or_default();
    let turn = edge.sign_in.turn().await?;
    let hashed = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        password::hash(&password)
    });
    match hashed.await {
        Ok(Ok(hash)) => Ok((hash, made)),
        Ok(Err(error)) => {
            tracing::error!(%error, "a password could not be set");
            Err(internal())
        }
        Err(_) => Err(internal()),
    }
}

/// A password to be read out and typed once: four groups of five, a hundred random bits, without letters that look alike.
fn make(random: [u8; 32]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = String::with_capacity(23);
    for (at, byte) in random.iter().take(20).enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_password_that_is_made_has_four_groups_of_five() {
        let made = super::make(std::array::from_fn(|at| at as u8));
        assert_eq!(made, "01234-56789-abcde-fghjk");
    }
}
