//! Credentials: whose a secret is, by its hash.

use crewline_api::{ParticipantId, Timestamp};
use crewline_core::{
    Credential, CredentialSource, DeviceNo, ExternalPattern, ParticipantNo, PasswordRow, Scope,
    SecretHash, SessionNo, TokenNo, TokenOwner, TokenRow,
};
use rusqlite::{Connection, Row};

use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

/// Of a session that has not ended, or of a token; of nobody who is disabled.
pub(super) fn of(
    sql: &Connection,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<Credential>> {
    match session(sql, hash, now)? {
        Some(credential) => Ok(Some(credential)),
        None => token(sql, hash),
    }
}

fn session(sql: &Connection, hash: &SecretHash, now: Timestamp) -> Result<Option<Credential>> {
    let mut statement = sql.prepare_cached(
        "SELECT p.no, p.id, p.role, s.no, s.device, s.expires_at FROM session s JOIN participant p ON p.no = s.participant
         WHERE s.hash = ?1 AND s.expires_at > ?2 AND p.standing = 1 AND p.disabled = 0",
    )?;
    let mut rows = statement.query((&hash.0[..], now.as_millis()))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Credential {
        scope: user(row, 0)?,
        source: CredentialSource::Session(SessionNo(row.get(3)?)),
        device: DeviceNo(row.get(4)?),
        expires_at: Some(row::time(row, 5)?),
    }))
}

fn user(row: &Row<'_>, at: usize) -> Result<Scope> {
    Ok(Scope::User {
        no: ParticipantNo(row.get(at)?),
        id: row::participant_id(row, at + 1)?,
        role: row::role(row, at + 2)?,
    })
}

fn token(sql: &Connection, hash: &SecretHash) -> Result<Option<Credential>> {
    let mut statement = sql.prepare_cached(
        "SELECT p.no, p.id, p.role, t.no, t.device, t.kind, p.no IS NOT NULL AND p.standing = 1 AND p.disabled = 0
         FROM token t LEFT JOIN participant p ON p.no = t.participant WHERE t.hash = ?1",
    )?;
    let mut rows = statement.query([&hash.0[..]])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let no = TokenNo(row.get(3)?);
    let scope = match row.get(5)? {
        0 => Scope::Administration,
        1 if row.get(6)? => user(row, 0)?,
        1 => return Ok(None),
        2 => Scope::Externals(patterns(sql, no)?),
        kind => return Err(unknown_kind(no, kind)),
    };
    let device = DeviceNo(row.get(4)?);
    Ok(Some(Credential {
        source: CredentialSource::Token(no),
        scope,
        device,
        expires_at: None,
    }))
}

fn unknown_kind(no: TokenNo, kind: i64) -> Fault {
    Fault::damaged(format!("token {} is of the kind {kind}", no.0))
}

fn patterns(sql: &Connection, token: TokenNo) -> Result<Vec<ExternalPattern>> {
    let mut statement = sql.prepare_cached(
        "SELECT text, is_prefix FROM token_external WHERE token = ?1 ORDER BY place",
    )?;
    let mut rows = statement.query([token.0])?;
    let mut patterns = Vec::new();
    while let Some(row) = rows.next()? {
        patterns.push(if row.get(1)? {
            ExternalPattern::Prefix(row.get(0)?)
        } else {
            ExternalPattern::Exact(row::participant_id(row, 0)?)
        });
    }
    Ok(patterns)
}

/// Every token, oldest first.
pub(super) fn tokens(sql: &Connection) -> Result<Vec<TokenRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT p.id, t.no, t.kind, t.created_at, t.last_used_at
         FROM token t LEFT JOIN participant p ON p.no = t.participant ORDER BY t.no",
    )?;
    let mut rows = statement.query([])?;
    let mut tokens = Vec::new();
    while let Some(row) = rows.next()? {
        let no = TokenNo(row.get(1)?);
        let owner = match row.get(2)? {
            0 => TokenOwner::Administration,
            1 => TokenOwner::User(row::participant_id(row, 0)?),
            2 => TokenOwner::Externals(patterns(sql, no)?),
            kind => return Err(unknown_kind(no, kind)),
        };
        let (created_at, last_used_at) = (row::time(row, 3)?, row::time_or_none(row, 4)?);
        tokens.push(TokenRow {
            no,
            owner,
            created_at,
            last_used_at,
        });
    }
    Ok(tokens)
}

/// What is needed to check a password.
pub(super) fn password(sql: &Connection, user: &ParticipantId) -> Result<Option<PasswordRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT no, password, disabled, role FROM participant WHERE id = ?1 AND standing = 1",
    )?;
    let mut rows = statement.query([user.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(PasswordRow {
        no: ParticipantNo(row.get(0)?),
        hash: row.get(1)?,
        disabled: row.get(2)?,
        role: row::role(row, 3)?,
    }))
}
