//! Users: adding, changing, importing.

use crewline_api::{ParticipantId, Timestamp};
use crewline_core::{
    Code as _, ImportReport, ImportRow, Imported, NewUser, ParticipantNo, Standing, UserAdded,
    UserChange, becomes_user, import_users,
};
use rusqlite::{Connection, params};

use super::{find, find_user, looks_like, make, session, token};
use crate::connection::Refusal;
use crate::error::Fault;

/// Adds a user. A participant who was expected becomes the user.
pub(super) fn add(sql: &Connection, user: &NewUser, now: Timestamp) -> Result<UserAdded, Refusal> {
    let known = find(sql, &user.id)?;
    let no = match becomes_user(&user.id, known).map_err(Refusal::Directory)? {
        Some(no) => no,
        None => make(sql, &user.id, Standing::User)?,
    };
    sql.prepare_cached(
        "UPDATE participant SET standing = 1, name = ?2, role = ?3, password = ?4, created_at = ?5 WHERE no = ?1",
    )?
    .execute(params![
        no.0,
        user.name,
        user.role.code(),
        user.password,
        now.as_millis()
    ])?;
    Ok(UserAdded {
        no,
        looks_like: looks_like(sql, &user.id)?,
    })
}

/// Changes a user.
pub(super) fn change(
    sql: &Connection,
    id: &ParticipantId,
    change: &UserChange,
) -> Result<(), Refusal> {
    let no = find_user(sql, id)?;
    match change {
        UserChange::Enable => set_disabled(sql, no, false)?,
        UserChange::Disable => set_disabled(sql, no, true)?,
        UserChange::Password(hash) => set_password(sql, no, hash)?,
        UserChange::Role(role) => {
            sql.prepare_cached("UPDATE participant SET role = ?2 WHERE no = ?1")?
                .execute((no.0, role.code()))?;
        }
        UserChange::Name(name) => {
            sql.prepare_cached("UPDATE participant SET name = ?2 WHERE no = ?1")?
                .execute((no.0, name))?;
        }
        UserChange::SignOut { .. } => {}
    }
    if change.ends_sessions() {
        session::close_all(sql, no)?;
    }
    if change.revokes_tokens() {
        token::revoke_all(sql, no)?;
    }
    Ok(())
}

fn set_disabled(sql: &Connection, no: ParticipantNo, disabled: bool) -> Result<(), Fault> {
    sql.prepare_cached("UPDATE participant SET disabled = ?2 WHERE no = ?1")?
        .execute((no.0, disabled))?;
    Ok(())
}

fn set_password(sql: &Connection, no: ParticipantNo, hash: &str) -> Result<(), Fault> {
    sql.prepare_cached("UPDATE participant SET password = ?2 WHERE no = ?1")?
        .execute((no.0, hash))?;
    Ok(())
}

/// Adds or changes users, in the order of the lines.
pub(super) fn import(
    sql: &Connection,
    rows: &[ImportRow],
    now: Timestamp,
) -> Result<ImportReport, Refusal> {
    import_users(rows, |ImportRow { user, line }| {
        if let Some((no, Standing::User)) = find(sql, &user.id)? {
            return Ok(if change_to(sql, no, user)? {
                Imported::Changed
            } else {
                Imported::Unchanged
            });
        }
        let added = add(sql, user, now).map_err(|refusal| refusal.at_line(*line))?;
        let looks_like = added.looks_like;
        Ok(Imported::Added { looks_like })
    })
}

/// Makes a user what an import says; returns whether anything changed. Without a password the old one stays.
fn change_to(sql: &Connection, no: ParticipantNo, user: &NewUser) -> Result<bool, Fault> {
    let changed = sql
        .prepare_cached(
            "UPDATE participant SET name = ?2, role = ?3 WHERE no = ?1 AND (name IS NOT ?2 OR role <> ?3)",
        )?
        .execute((no.0, &user.name, user.role.code()))?;
    if let Some(password) = &user.password {
        set_password(sql, no, password)?;
        session::close_all(sql, no)?;
    }
    Ok(changed > 0 || user.password.is_some())
}
