//! Tokens.

use crewline_api::Timestamp;
use crewline_core::{
    Code as _, DirectoryError, ExternalPattern, NewToken, ParticipantNo, SecretHash, Standing,
    TokenNo, TokenOwner, TokenRow,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{find as find_participant, find_user, make, session};
use crate::connection::Refusal;
use crate::error::Fault;
use crate::meta;

/// Makes a token. Externals that it names are known from now on.
pub(super) fn create(
    sql: &Connection,
    token: &NewToken,
    now: Timestamp,
) -> Result<TokenRow, Refusal> {
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
    let no: TokenNo = sql
        .prepare_cached(
            "INSERT INTO token (hash, kind, participant, device, created_at) VALUES (?1, ?2, ?3, 0, ?4) RETURNING no",
        )?
        .query_row(
            params![&token.hash.0[..], kind, user.map(|no| no.0), now.as_millis()],
            |row| row.get(0).map(TokenNo),
        )?;
    let device = session::put_device(sql, user, &format!("token-{}", no.0), None, now)?;
    sql.prepare_cached("UPDATE token SET device = ?2 WHERE no = ?1")?
        .execute((no.0, device.0))?;
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
fn know_external(sql: &Connection, pattern: &ExternalPattern) -> Result<(), Refusal> {
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
            sql.prepare_cached("UPDATE participant SET standing = 2 WHERE no = ?1")?
                .execute([no.0])?;
        }
        None => {
            make(sql, id, Standing::External)?;
        }
    }
    Ok(())
}

fn save_patterns(
    sql: &Connection,
    token: TokenNo,
    patterns: &[ExternalPattern],
) -> Result<(), Fault> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO token_external (token, place, text, is_prefix) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (place, pattern) in patterns.iter().enumerate() {
        let (text, is_prefix) = match pattern {
            ExternalPattern::Exact(id) => (id.as_str(), false),
            ExternalPattern::Prefix(prefix) => (prefix.as_str(), true),
        };
        insert.execute((token.0, place as i64, text, is_prefix))?;
    }
    Ok(())
}

/// The token with this hash.
pub(super) fn find(sql: &Connection, hash: &SecretHash) -> Result<Option<TokenNo>, Fault> {
    let mut statement = sql.prepare_cached("SELECT no FROM token WHERE hash = ?1")?;
    Ok(statement
        .query_row([&hash.0[..]], |row| row.get(0).map(TokenNo))
        .optional()?)
}

/// Revokes a token; returns whether there was one. Its device stays, for the receipts that name it.
pub(super) fn revoke(sql: &Connection, no: TokenNo) -> Result<bool, Fault> {
    sql.prepare_cached("DELETE FROM token_external WHERE token = ?1")?
        .execute([no.0])?;
    let revoked = sql
        .prepare_cached("DELETE FROM token WHERE no = ?1")?
        .execute([no.0])?;
    if revoked > 0 {
        meta::bump_directory(sql)?;
    }
    Ok(revoked > 0)
}

/// Revokes all tokens of a user.
pub(super) fn revoke_all(sql: &Connection, user: ParticipantNo) -> Result<(), Fault> {
    sql.prepare_cached("DELETE FROM token WHERE participant = ?1")?
        .execute([user.0])?;
    Ok(())
}
