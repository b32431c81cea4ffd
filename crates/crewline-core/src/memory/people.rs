//! Users and externals in memory, as people look for whom to write to, and administrators for everybody.

use crewline_api::{ParticipantKind, PeoplePage, Person};

use super::Data;
use crate::ParticipantNo;
use crate::directory::UserRow;
use crate::state::{ParticipantRow, Standing};

impl Data {
    pub(super) fn user_row(&self, no: ParticipantNo) -> Option<UserRow> {
        let (row, user) = (self.participants.get(&no)?, self.users.get(&no)?);
        Some(UserRow {
            no: row.no,
            id: row.id.clone(),
            name: row.shown_name().to_owned(),
            role: user.role,
            disabled: row.disabled,
            has_password: user.password.is_some(),
            created_at: user.created_at,
            watches: self.watches(row.no),
        })
    }

    pub(super) fn people(&self, q: &str, after: &str, limit: usize) -> PeoplePage {
        let mut rows = self
            .found(q, after)
            .filter(|row| !row.disabled && row.standing != Standing::Expected);
        let people: Vec<Person> = rows
            .by_ref()
            .take(limit)
            .map(|row| Person {
                user_id: row.id.clone(),
                name: row.shown_name().to_owned(),
                kind: if row.standing == Standing::User {
                    ParticipantKind::User
                } else {
                    ParticipantKind::External
                },
                role: self.users.get(&row.no).map(|user| user.role),
                on_duty: (row.standing == Standing::User).then(|| self.on_duty(row.no)),
            })
            .collect();
        let more = rows.next().is_some();
        let next = people
            .last()
            .filter(|_| more)
            .map(|person| person.user_id.to_string());
        PeoplePage { people, next }
    }

    /// Participants whose id or name contains a text, sorted by id. No id is empty: after it come all.
    pub(super) fn found(&self, q: &str, after: &str) -> impl Iterator<Item = &ParticipantRow> {
        let (q, after) = (q.to_lowercase(), after.to_owned());
        let rows = self.ids.values();
        let rows = rows.filter_map(|no| self.participants.get(no));
        rows.filter(move |row| {
            row.id.as_str() > after.as_str()
                && (row.id.as_str().to_lowercase().contains(&q)
                    || row.shown_name().to_lowercase().contains(&q))
        })
    }
}
