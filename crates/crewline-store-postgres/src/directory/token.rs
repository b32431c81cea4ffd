//! Tokens.

use crewline_api::Timestamp;
use crewline_core::{
    Code as _, DirectoryError, ExternalPattern, NewToken, ParticipantNo, SecretHash, Standing,
    TokenNo, TokenOwner, TokenRow,
};

use super::{find as find_participant, find_user, make, number_of, session};
use crate::error::{Fault, Refusal};
use crate::meta;
use crate::sql::Sql;

/// Makes a token. Externals that it names are known from now on.
pub(super) fn create(sql: &Sql, token: &NewToken, now: Timestamp) -> Result<TokenRow, Refusal> {
    let mut user = None;
    match &token.owner {
        TokenOwner::Administration => {}
        TokenOwner::User(id) => user = Some(find_user(sql, id)?),
        TokenOwner::Externals(patterns) => patterns
            .iter()
            .try_for_each(|pattern| know_external(sql, pattern))?,
    }
    let kind = token.owner.kind().code();
    // The device has the token's number in its id, and the token the device's: one of them must wait.
    let no = sql.value(
        "INSERT INTO token (hash, kind, participant, device, created_at) VALUES ($1, $2, $3, 0, $4) RETURNING no",
        &[&&token.hash.0[..], &kind, &user.map(|no| no.0), &now.as_millis()],
    )?;
    let no = TokenNo(number_of(no)?);
    let device = session::put_device(sql, user, &format!("token-{}", no.0), None, now)?;
    sql.execute(
        "UPDATE token SET device = $2 WHERE no = $1",
        &[&no.0, &device.0],
    )?;
    if let TokenOwner::Externals(patterns) = &token.owner {
        save_patterns(sql, no, patterns)?;
    }
    Ok(TokenRow {
        no,
        owner: token.owner.clone(),
        created_at: now,
        last_used_at: None,
    })
}

/// An external that is named exactly becomes known; it is never a user's id.
fn know_external(sql: &Sql, pattern: &ExternalPattern) -> Result<(), Refusal> {
    let ExternalPattern::Exact(id) = pattern else {
        return Ok(());
    };
    match find_participant(sql, id)? {
        Some((_, Standing::User)) => {
            return Err(Refusal::Directory(DirectoryError::Exists {
                id: id.clone(),
                what: "a user",
            }));
        }
        Some((_, Standing::External)) => {}
        Some((no, Standing::Expected)) => {
            sql.execute(
                "UPDATE participant SET standing = 2 WHERE no = $1",
                &[&no.0],
            )?;
        }
        None => {
            make(sql, id, Standing::External)?;
        }
    }
    Ok(())
}

fn save_patterns(sql: &Sql, token: TokenNo, patterns: &[ExternalPattern]) -> Result<(), Fault> {
    for (place, pattern) in patterns.iter().enumerate() {
        let (text, is_prefix) = match pattern {
            ExternalPattern::Exact(id) => (id.as_str(), false),
            ExternalPattern::Prefix(prefix) => (prefix.as_str(), true),
        };
        sql.execute(
            "INSERT INTO token_external (token, place, text, is_prefix) VALUES ($1, $2, $3, $4)",
            &[&token.0, &(place as i64), &text, &is_prefix],
        )?;
    }
    Ok(())
}

/// The token with this hash.
pub(super) fn find(sql: &Sql, hash: &SecretHash) -> Result<Option<TokenNo>, Fault> {
    let no = sql.value("SELECT no FROM token WHERE hash = $1", &[&&hash.0[..]])?;
    Ok(no.map(TokenNo))
}

/// Revokes a token; returns whether there was one. Its device stays, for the receipts that name it.
pub(super) fn revoke(sql: &Sql, no: TokenNo) -> Result<bool, Fault> {
    sql.execute("DELETE FROM token_external WHERE token = $1", &[&no.0])?;
    let revoked = sql.execute("DELETE FROM token WHERE no = $1", &[&no.0])?;
    if revoked > 0 {
        meta::bump_directory(sql)?;
    }
    Ok(revoked > 0)
}

/// Revokes all tokens of a user.
pub(super) fn revoke_all(sql: &Sql, user: ParticipantNo) -> Result<(), Fault> {
    sql.execute("DELETE FROM token WHERE participant = $1", &[&user.0])?;
    Ok(())
}
