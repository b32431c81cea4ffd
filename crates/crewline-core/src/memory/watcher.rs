//! Watchers in memory: users who may read another participant's log.

use crewline_api::{ParticipantId, Timestamp};

use super::Data;
use crate::ParticipantNo;
use crate::credential::ExternalPattern;
use crate::directory::{DirectoryError, TokenOwner, WatcherRow};
use crate::state::Standing;

impl Data {
    /// Who is watched. One that a prefix covers is expected from now on.
    pub(super) fn watched_no(
        &mut self,
        id: &ParticipantId,
    ) -> Result<ParticipantNo, DirectoryError> {
        if let Some(no) = self.ids.get(id) {
            return Ok(*no);
        }
        let covered = self.tokens.values().any(|token| match &token.row.owner {
            TokenOwner::Externals(patterns) => patterns
                .iter()
                .any(|pattern| matches!(pattern, ExternalPattern::Prefix(_) if pattern.covers(id))),
            TokenOwner::User(_) | TokenOwner::Administration => false,
        });
        if covered {
            Ok(self.make_participant(id, Standing::Expected))
        } else {
            Err(DirectoryError::NoParticipant(id.clone()))
        }
    }

    pub(super) fn watch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
        now: Timestamp,
    ) -> Result<bool, DirectoryError> {
        let user_no = self.user_no(user)?;
        if user == participant {
            return Err(DirectoryError::WatchesItself(user.clone()));
        }
        let watched = self.watched_no(participant)?;
        let mut new = false;
        self.watchers.entry((user_no, watched)).or_insert_with(|| {
            new = true;
            now
        });
        Ok(new)
    }

    pub(super) fn unwatch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
    ) -> Result<bool, DirectoryError> {
        let user = self.user_no(user)?;
        let no = self.ids.get(participant);
        let no = no.ok_or_else(|| DirectoryError::NoParticipant(participant.clone()))?;
        Ok(self.watchers.remove(&(user, *no)).is_some())
    }

    /// Whom a user watches, sorted by id.
    pub(super) fn watches(&self, user: ParticipantNo) -> Vec<ParticipantId> {
        let first = (user, ParticipantNo(i64::MIN));
        let rows = self.watchers.range(first..=(user, ParticipantNo(i64::MAX)));
        let mut ids: Vec<ParticipantId> = rows
            .filter_map(|((_, no), _)| self.participants.get(no))
            .map(|row| row.id.clone())
            .collect();
        ids.sort();
        ids
    }

    /// Who watches a participant, sorted by id. No id is empty: after it come all.
    pub(super) fn watchers(
        &self,
        participant: ParticipantNo,
        after: &str,
        limit: usize,
    ) -> Vec<WatcherRow> {
        let rows = self
            .watchers
            .iter()
            .filter(|((_, watched), _)| *watched == participant);
        let mut watchers: Vec<WatcherRow> = rows
            .filter_map(|((user, _), since)| Some((self.participants.get(user)?, since)))
            .map(|(row, since)| WatcherRow {
                id: row.id.clone(),
                name: row.shown_name().to_owned(),
                since: *since,
            })
            .collect();
        watchers.sort_by(|a, b| a.id.cmp(&b.id));
        watchers.retain(|watcher| watcher.id.as_str() > after);
        watchers.truncate(limit);
        watchers
    }
}
