//! Users and externals in memory, as administrators look for them.

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

    /// Participants of one kind whose id or name contains a text, sorted by id.
    pub(super) fn found(
        &self,
        standing: Standing,
        q: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &ParticipantRow> {
        let (q, after) = (q.to_lowercase(), after.unwrap_or_default().to_owned());
        let rows = self.ids.values();
        let rows = rows.filter_map(|no| self.participants.get(no));
        rows.filter(move |row| {
            row.standing == standing
                && row.id.as_str() > after.as_str()
                && (row.id.as_str().to_lowercase().contains(&q)
                    || row.shown_name().to_lowercase().contains(&q))
        })
    }
}
