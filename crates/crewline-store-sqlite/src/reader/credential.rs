//! Credentials: whose a secret is, by its hash.

use crewline_api::{ParticipantId, Timestamp, TokenKind};
use crewline_core::{
    Code as _, Credential, CredentialSource, DeviceNo, ExternalPattern, ParticipantNo, PasswordRow,
    Scope, SecretHash, SessionNo, TokenNo, TokenOwner, TokenRow,
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
    let scope = match kind(row, 5, no)? {
        TokenKind::Administration => Scope::Administration,
        TokenKind::User if row.get(6)? => user(row, 0)?,
        TokenKind::User => return Ok(None),
        TokenKind::External => Scope::Externals(patterns(sql, no)?),
    };
    let device = DeviceNo(row.get(4)?);
    Ok(Some(Credential {
        source: CredentialSource::Token(no),
        scope,
        device,
        expires_at: None,
    }))
}

fn kind(row: &Row<'_>, at: usize, no: TokenNo) -> Result<TokenKind> {
    let kind: i64 = row.get(at)?;
    TokenKind::from_code(kind)
        .ok_or_else(|| Fault::damaged(format!("token {} is of the kind {kind}", no.0)))
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
        let owner = match kind(row, 2, no)? {
            TokenKind::Administration => TokenOwner::Administration,
            TokenKind::User => TokenOwner::User(row::participant_id(row, 0)?),
            TokenKind::External => TokenOwner::Externals(patterns(sql, no)?),
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
