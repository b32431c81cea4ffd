//! Credentials: whose a secret is, by its hash.

use std::collections::BTreeMap;

use crewline_api::{ParticipantId, Timestamp, TokenKind};
use crewline_core::{
    Code as _, Credential, CredentialSource, DeviceNo, ExternalPattern, ParticipantNo, PasswordRow,
    Scope, SecretHash, SessionNo, TokenNo, TokenOwner, TokenRow,
};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::row;
use crate::sql::{Call, Sql, get};

type Result<T> = std::result::Result<T, Fault>;

const SESSION: &str = "SELECT p.no, p.id, p.role, s.no, s.device, s.expires_at
     FROM session s JOIN participant p ON p.no = s.participant
     WHERE s.hash = $1 AND s.expires_at > $2 AND p.standing = 1 AND NOT p.disabled";

const TOKEN: &str = "SELECT p.no, p.id, p.role, t.no, t.device, t.kind,
         coalesce(p.standing = 1 AND NOT p.disabled, false)
     FROM token t LEFT JOIN participant p ON p.no = t.participant WHERE t.hash = $1";

/// Of a session that has not ended, or of a token; of nobody who is disabled.
pub(super) fn of(sql: &Sql, hash: &SecretHash, now: Timestamp) -> Result<Option<Credential>> {
    let hash = hash.0.to_vec();
    let session = Call::new(SESSION).with(hash.clone()).with(now.as_millis());
    let found = sql.query_all(&[session, Call::new(TOKEN).with(hash)])?;
    let [sessions, tokens] = found.as_slice() else {
        return Ok(None);
    };
    match (sessions.first(), tokens.first()) {
        (Some(row), _) => session_of(row).map(Some),
        (None, Some(row)) => token_of(sql, row),
        (None, None) => Ok(None),
    }
}

fn session_of(row: &Row) -> Result<Credential> {
    Ok(Credential {
        scope: user(row, 0)?,
        source: CredentialSource::Session(SessionNo(get(row, 3)?)),
        device: DeviceNo(get(row, 4)?),
        expires_at: Some(row::time(row, 5)?),
    })
}

fn user(row: &Row, at: usize) -> Result<Scope> {
    Ok(Scope::User {
        no: ParticipantNo(get(row, at)?),
        id: row::participant_id(row, at + 1)?,
        role: row::role(row, at + 2)?,
    })
}

fn token_of(sql: &Sql, row: &Row) -> Result<Option<Credential>> {
    let no = TokenNo(get(row, 3)?);
    let scope = match kind(row, 5, no)? {
        TokenKind::Administration => Scope::Administration,
        TokenKind::User if get(row, 6)? => user(row, 0)?,
        TokenKind::User => return Ok(None),
        TokenKind::External => {
            Scope::Externals(patterns(sql, &[no.0])?.remove(&no).unwrap_or_default())
        }
    };
    let device = DeviceNo(get(row, 4)?);
    Ok(Some(Credential {
        source: CredentialSource::Token(no),
        scope,
        device,
        expires_at: None,
    }))
}

fn kind(row: &Row, at: usize, no: TokenNo) -> Result<TokenKind> {
    let kind: i16 = get(row, at)?;
    TokenKind::from_code(kind.into())
        .ok_or_else(|| Fault::damaged(format!("token {} is of the kind {kind}", no.0)))
}

fn patterns(sql: &Sql, tokens: &[i64]) -> Result<BTreeMap<TokenNo, Vec<ExternalPattern>>> {
    let rows = sql.query(
        "SELECT token, text, is_prefix FROM token_external WHERE token = ANY($1) ORDER BY token, place",
        &[&tokens],
    )?;
    let mut patterns: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in &rows {
        let pattern = if get(row, 2)? {
            ExternalPattern::Prefix(get(row, 1)?)
        } else {
            ExternalPattern::Exact(row::participant_id(row, 1)?)
        };
        let of_token = patterns.entry(TokenNo(get(row, 0)?)).or_default();
        of_token.push(pattern);
    }
    Ok(patterns)
}

/// Every token, oldest first.
pub(super) fn tokens(sql: &Sql) -> Result<Vec<TokenRow>> {
    let rows = sql.query(
        "SELECT p.id, t.no, t.kind, t.created_at, t.last_used_at
         FROM token t LEFT JOIN participant p ON p.no = t.participant ORDER BY t.no",
        &[],
    )?;
    let nos: Vec<i64> = rows.iter().map(|row| get(row, 1)).collect::<Result<_>>()?;
    let mut patterns = patterns(sql, &nos)?;
    let mut tokens = Vec::new();
    for row in &rows {
        let no = TokenNo(get(row, 1)?);
        let owner = match kind(row, 2, no)? {
            TokenKind::Administration => TokenOwner::Administration,
            TokenKind::User => TokenOwner::User(row::participant_id(row, 0)?),
            TokenKind::External => TokenOwner::Externals(patterns.remove(&no).unwrap_or_default()),
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
pub(super) fn password(sql: &Sql, user: &ParticipantId) -> Result<Option<PasswordRow>> {
    let row = sql.first(
        "SELECT no, password, disabled, role FROM participant WHERE id = $1 AND standing = 1",
        &[&user.as_str()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(PasswordRow {
        no: ParticipantNo(get(&row, 0)?),
        hash: get(&row, 1)?,
        disabled: get(&row, 2)?,
        role: row::role(&row, 3)?,
    }))
}
