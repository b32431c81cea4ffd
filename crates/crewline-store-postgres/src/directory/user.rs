//! Users: adding, changing, importing.

use crewline_api::{ParticipantId, Timestamp};
use crewline_core::{
    Code as _, DirectoryError, ImportReport, ImportRow, NewUser, ParticipantNo, Standing,
    UserAdded, UserChange,
};

use super::{find, find_user, looks_like, make, session, token};
use crate::error::{Fault, Refusal};
use crate::sql::Sql;

/// Adds a user. A participant who was expected becomes the user.
pub(super) fn add(sql: &Sql, user: &NewUser, now: Timestamp) -> Result<UserAdded, Refusal> {
    let exists = |what| {
        Err(Refusal::Directory(DirectoryError::Exists {
            id: user.id.clone(),
            what,
        }))
    };
    let no = match find(sql, &user.id)? {
        Some((_, Standing::User)) => return exists("a user"),
        Some((_, Standing::External)) => return exists("an external"),
        Some((no, Standing::Expected)) => no,
        None => make(sql, &user.id, Standing::User)?,
    };
    sql.execute(
        "UPDATE participant SET standing = 1, name = $2, role = $3, password = $4, created_at = $5 WHERE no = $1",
        &[&no.0, &user.name, &user.role.code(), &user.password, &now.as_millis()],
    )?;
    Ok(UserAdded {
        no,
        looks_like: looks_like(sql, &user.id)?,
    })
}

/// Changes a user. Whoever is shut out, or has a new password, is signed out everywhere, too.
pub(super) fn change(sql: &Sql, id: &ParticipantId, change: &UserChange) -> Result<(), Refusal> {
    let no = find_user(sql, id)?;
    match change {
        UserChange::Enable => set_disabled(sql, no, false)?,
        UserChange::Disable => {
            set_disabled(sql, no, true)?;
            session::close_all(sql, no)?;
        }
        UserChange::Password(hash) => set_password(sql, no, hash)?,
        UserChange::Role(role) => {
            let role = role.code();
            sql.execute(
                "UPDATE participant SET role = $2 WHERE no = $1",
                &[&no.0, &role],
            )?;
        }
        UserChange::Name(name) => {
            sql.execute(
                "UPDATE participant SET name = $2 WHERE no = $1",
                &[&no.0, name],
            )?;
        }
        UserChange::SignOut { tokens } => {
            session::close_all(sql, no)?;
            if *tokens {
                token::revoke_all(sql, no)?;
            }
        }
    }
    Ok(())
}

fn set_disabled(sql: &Sql, no: ParticipantNo, disabled: bool) -> Result<(), Fault> {
    sql.execute(
        "UPDATE participant SET disabled = $2 WHERE no = $1",
        &[&no.0, &disabled],
    )?;
    Ok(())
}

fn set_password(sql: &Sql, no: ParticipantNo, hash: &str) -> Result<(), Fault> {
    sql.execute(
        "UPDATE participant SET password = $2 WHERE no = $1",
        &[&no.0, &hash],
    )?;
    session::close_all(sql, no)
}

/// Adds or changes users, in the order of the lines.
pub(super) fn import(
    sql: &Sql,
    rows: &[ImportRow],
    now: Timestamp,
) -> Result<ImportReport, Refusal> {
    let mut report = ImportReport::default();
    for ImportRow { user, line } in rows {
        let id = user.id.clone();
        if let Some((no, Standing::User)) = find(sql, &id)? {
            let list = if change_to(sql, no, user)? {
                &mut report.changed
            } else {
                &mut report.unchanged
            };
            list.push(id);
            continue;
        }
        let added = add(sql, user, now).map_err(|refusal| at_line(*line, refusal))?;
        report
            .look_alikes
            .extend(added.looks_like.map(|other| (id.clone(), other)));
        report.added.push(id);
    }
    Ok(report)
}

fn at_line(line: u64, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Directory(error) => Refusal::Directory(DirectoryError::Line {
            line,
            detail: error.to_string(),
        }),
        fault @ Refusal::Fault(_) => fault,
    }
}

/// Makes a user what an import says; returns whether anything changed. Without a password the old one stays.
fn change_to(sql: &Sql, no: ParticipantNo, user: &NewUser) -> Result<bool, Fault> {
    let changed = sql.execute(
        "UPDATE participant SET name = $2, role = $3 WHERE no = $1 AND (name IS DISTINCT FROM $2 OR role <> $3)",
        &[&no.0, &user.name, &user.role.code()],
    )?;
    if let Some(password) = &user.password {
        set_password(sql, no, password)?;
    }
    Ok(changed > 0 || user.password.is_some())
}
