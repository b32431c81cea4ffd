//! Users: what becomes of whoever is added, changed or imported. The rules, without a store.

use crewline_api::ParticipantId;

use crate::ParticipantNo;
use crate::directory::{DirectoryError, ImportReport, ImportRow, UserChange};
use crate::state::Standing;

/// Whose number a new user gets: one who was expected becomes the user. `None`: the user is new to the store.
pub fn becomes_user(
    id: &ParticipantId,
    known: Option<(ParticipantNo, Standing)>,
) -> Result<Option<ParticipantNo>, DirectoryError> {
    let what = match known {
        None => return Ok(None),
        Some((no, Standing::Expected)) => return Ok(Some(no)),
        Some((_, Standing::User)) => "a user",
        Some((_, Standing::External)) => "an external",
    };
    let id = id.clone();
    Err(DirectoryError::Exists { id, what })
}

impl UserChange {
    /// Whether the user is signed out everywhere: whoever is shut out, or has a new password.
    pub fn ends_sessions(&self) -> bool {
        match self {
            Self::Disable | Self::Password(_) | Self::SignOut { .. } => true,
            Self::Enable | Self::Role(_) | Self::Name(_) => false,
        }
    }

    /// Whether the user's tokens go, too.
    pub fn revokes_tokens(&self) -> bool {
        matches!(self, Self::SignOut { tokens: true })
    }
}

/// What became of one line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// The user is new.
    Added {
        /// Another id that looks the same to people.
        looks_like: Option<ParticipantId>,
    },
    /// The name, the role or the password is another one.
    Changed,
    /// The user was so already.
    Unchanged,
}

/// Imports users in the order of the lines; `put` does it with one of them. The first that is refused ends it.
pub fn import_users<E>(
    rows: &[ImportRow],
    mut put: impl FnMut(&ImportRow) -> Result<Imported, E>,
) -> Result<ImportReport, E> {
    let mut report = ImportReport::default();
    for row in rows {
        let id = row.user.id.clone();
        match put(row)? {
            Imported::Added { looks_like } => {
                let look_alike = looks_like.map(|other| (id.clone(), other));
                report.look_alikes.extend(look_alike);
                report.added.push(id);
            }
            Imported::Changed => report.changed.push(id),
            Imported::Unchanged => report.unchanged.push(id),
        }
    }
    Ok(report)
}

impl DirectoryError {
    /// The same, of a line of an import. Trouble of the store is of no line.
    pub fn at_line(self, line: u64) -> Self {
        match self {
            Self::Store(_) => self,
            refused => Self::Line {
                line,
                detail: refused.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crewline_api::Role;

    use super::*;
    use crate::directory::NewUser;
    use crate::port::{StoreError, StoreErrorKind};

    fn id(text: &str) -> ParticipantId {
        ParticipantId::new(text).unwrap()
    }

    fn row(line: u64, text: &str) -> ImportRow {
        let user = NewUser {
            id: id(text),
            name: None,
            role: Role::Crew,
            password: None,
        };
        ImportRow { user, line }
    }

    #[test]
    fn who_was_expected_becomes_the_user_and_whoever_is_there_does_not() {
        let no = ParticipantNo(7);
        let becomes = |known| becomes_user(&id("alice"), known);
        assert_eq!(becomes(None), Ok(None));
        assert_eq!(becomes(Some((no, Standing::Expected))), Ok(Some(no)));
        for (standing, what) in [
            (Standing::User, "a user"),
            (Standing::External, "an external"),
        ] {
            let exists = DirectoryError::Exists {
                id: id("alice"),
                what,
            };
            assert_eq!(becomes(Some((no, standing))), Err(exists));
        }
    }

    #[test]
    fn each_line_is_in_one_list_and_what_looks_alike_is_told() {
        let rows = [row(1, "alice"), row(2, "bob"), row(3, "carol")];
        let report = import_users(&rows, |row| {
            Ok::<_, DirectoryError>(match row.line {
                1 => Imported::Added {
                    looks_like: Some(id("Alice")),
                },
                2 => Imported::Changed,
                _ => Imported::Unchanged,
            })
        });
        let report = report.unwrap();
        assert_eq!(report.added, [id("alice")]);
        assert_eq!(report.changed, [id("bob")]);
        assert_eq!(report.unchanged, [id("carol")]);
        assert_eq!(report.look_alikes, [(id("alice"), id("Alice"))]);
    }

    #[test]
    fn the_first_line_that_is_refused_ends_an_import() {
        let rows = [row(1, "alice"), row(2, "bob"), row(3, "carol")];
        let mut lines = Vec::new();
        let report = import_users(&rows, |row| {
            lines.push(row.line);
            match row.line {
                1 => Ok(Imported::Unchanged),
                line => Err(DirectoryError::NoUser(id("bob")).at_line(line)),
            }
        });
        assert_eq!(
            report.unwrap_err().to_string(),
            "line 2: there is no user bob"
        );
        assert_eq!(lines, [1, 2]);
    }

    #[test]
    fn trouble_of_the_store_is_of_no_line() {
        let full = StoreError::new(StoreErrorKind::Full, "no room");
        let error = DirectoryError::Store(full.clone());
        assert_eq!(error.at_line(7), DirectoryError::Store(full));
    }
}
