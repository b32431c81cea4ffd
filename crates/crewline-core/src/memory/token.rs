//! Tokens in memory.

use crewline_api::{ParticipantId, Timestamp};

use super::{Data, TokenData};
use crate::credential::ExternalPattern;
use crate::directory::{DirectoryError, NewToken, TokenOwner, TokenRow};
use crate::state::Standing;

impl Data {
    /// Externals that it names are known from now on.
    pub(super) fn create_token(
        &mut self,
        token: &NewToken,
        now: Timestamp,
    ) -> Result<TokenRow, DirectoryError> {
        let mut participant = None;
        match &token.owner {
            TokenOwner::User(id) => participant = Some(self.user_no(id)?),
            TokenOwner::Externals(patterns) => {
                let exact = |pattern: &ExternalPattern| match pattern {
                    ExternalPattern::Exact(id) => Some(id.clone()),
                    ExternalPattern::Prefix(_) => None,
                };
                let ids: Vec<ParticipantId> = patterns.iter().filter_map(exact).collect();
                if let Some(id) = ids.iter().find(|id| self.user_no(id).is_ok()) {
                    return Err(DirectoryError::Exists {
                        id: id.clone(),
                        what: "a user",
                    });
                }
                for id in ids {
                    let known = self.ids.get(&id).copied();
                    let no =
                        known.unwrap_or_else(|| self.make_participant(&id, Standing::External));
                    if let Some(row) = self.participants.get_mut(&no) {
                        row.standing = Standing::External;
                    }
                }
            }
            TokenOwner::Administration => {}
        }
        let no = self.last_token.next();
        self.last_token = no;
        let device = self.make_device(participant, format!("token-{}", no.0), None, now);
        let row = TokenRow {
            no,
            owner: token.owner.clone(),
            created_at: now,
            last_used_at: None,
        };
        self.tokens.insert(
            no,
            TokenData {
                row: row.clone(),
                hash: token.hash,
                device,
            },
        );
        Ok(row)
    }
}
