//! What the edge notes in the audit beside the acts themselves: sign-ins that were refused, and what watchers read.
//!
//! **Invariant:** nobody without credentials can fill the disk: what is refused is written so many times in a minute, and
//! then once more, to say that there was more.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crewline_api::{AuditKind, ParticipantId, Timestamp};
use crewline_core::{AuditActor, NewAudit, ParticipantNo, Scope};

use crate::acting::{Access, Owner};
use crate::app::{Edge, Shared};
use crate::auth::Caller;
use crate::proxy::counted;

/// Refusals of one address that are written one by one in a minute.
const REFUSED_OF_ONE: u32 = 10;
/// The same of all addresses together.
const REFUSED_OF_ALL: u32 = 300;
/// Watchers and participants of which is remembered that this hour was noted. When there are more, all are noted anew.
const READS_KEPT_MAX: usize = 10_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What is to be written of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It.
    Itself,
    /// That there are more.
    More,
    /// Nothing.
    Nothing,
}

#[derive(Default)]
struct Refused {
    minute: i64,
    of_all: u32,
    /// Never more than are written in a minute.
    of_one: HashMap<Option<IpAddr>, u32>,
}

impl Refused {
    fn count(&mut self, address: Option<IpAddr>, now: Timestamp) -> Written {
        let minute = now.as_millis().div_euclid(MINUTE_MS);
        if minute != self.minute {
            *self = Self {
                minute,
                ..Self::default()
            };
        }
        if self.of_all > REFUSED_OF_ALL {
            return Written::Nothing;
        }
        let of_one = self.of_one.entry(address.map(counted)).or_default();
        if *of_one > REFUSED_OF_ONE {
            return Written::Nothing;
        }
        *of_one += 1;
        self.of_all += 1;
        if *of_one > REFUSED_OF_ONE || self.of_all > REFUSED_OF_ALL {
            Written::More
        } else {
            Written::Itself
        }
    }
}

#[derive(Default)]
struct Reads {
    hour: i64,
    noted: HashSet<(ParticipantNo, ParticipantNo)>,
}

/// What was noted lately.
#[derive(Default)]
pub(crate) struct Noted {
    refused: Mutex<Refused>,
    reads: Mutex<Reads>,
}

impl Noted {
    fn refused(&self, address: Option<IpAddr>, now: Timestamp) -> Written {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.count(address, now)
    }

    /// Whether this hour was not noted before.
    fn is_news(&self, pair: (ParticipantNo, ParticipantNo), now: Timestamp) -> bool {
        let hour = now.as_millis().div_euclid(HOUR_MS);
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if reads.hour != hour || reads.noted.len() >= READS_KEPT_MAX {
            *reads = Reads {
                hour,
                ..Reads::default()
            };
        }
        reads.noted.insert(pair)
    }

    fn forget(&self, pair: (ParticipantNo, ParticipantNo)) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.noted.remove(&pair);
    }
}

/// Adds a row beside which nothing is changed; says whether it was added. What cannot be noted now is no reason to keep
/// people from their messages: it is logged.
pub(crate) async fn note(edge: &Shared, note: NewAudit) -> bool {
    let added = edge
        .engine
        .directory(move |directory, now| directory.audited(note, now, &mut |_, _| Ok(())))
        .await;
    match added {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "the audit could not be written");
            false
        }
        Err(error) => {
            tracing::warn!(code = %error.code, "the audit could not be written");
            false
        }
    }
}

/// Notes something that was refused, as long as there is not too much of it.
pub(crate) async fn refused(edge: &Shared, what: NewAudit) {
    let address = what.by.address;
    match edge.noted.refused(address, edge.engine.now()) {
        Written::Itself => {
            note(edge, what.refused()).await;
        }
        Written::More => {
            let by = AuditActor::nobody("", address);
            let more = NewAudit::new(by, AuditKind::RefusedMore)
                .detail("more was refused in this minute, and is not written one by one");
            note(edge, more.refused()).await;
        }
        Written::Nothing => {}
    }
}

impl Caller {
    /// A row of the audit: this caller does something.
    pub(crate) fn does(&self, what: AuditKind) -> NewAudit {
        NewAudit::new(AuditActor::of(self.credential(), self.address()), what)
    }

    /// Notes through whom a user has seen what is not the user's own.
    pub(crate) async fn note_seen_through(
        &self,
        edge: &Shared,
        through: &[(ParticipantNo, ParticipantId)],
    ) {
        if let Scope::User { no: user, .. } = &self.credential().scope {
            for (no, id) in through {
                self.note_watching(edge, *user, (*no, id)).await;
            }
        }
    }

    /// Notes that the log of another is read on: what is open for a whole shift is noted in each hour in which something of it
    /// was told.
    pub(crate) async fn note_reading(&self, edge: &Shared, owner: &Owner) {
        if let (Access::Watched, Scope::User { no: user, .. }) =
            (&owner.access, &self.credential().scope)
        {
            self.note_watching(edge, *user, (owner.no, &owner.id)).await;
        }
    }

    /// Notes that a user reads what is a participant's whom the user watches: once an hour.
    pub(crate) async fn note_watching(
        &self,
        edge: &Shared,
        user: ParticipantNo,
        (no, id): (ParticipantNo, &ParticipantId),
    ) {
        let pair = (user, no);
        if edge.noted.is_news(pair, edge.engine.now()) {
            let read = self.does(AuditKind::WatcherRead).about(id.as_str());
            if !note(edge, read).await {
                edge.noted.forget(pair);
            }
        }
    }
}

/// A caller who administers: users of that role, and tokens of administration. Others are refused before anything of the
/// request is looked at, and that is noted.
#[derive(Debug, Clone)]
pub(crate) struct Administrator(pub(crate) Caller);

impl axum::extract::FromRequestParts<Edge> for Administrator {
    type Rejection = crate::problem::Refusal;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        edge: &Edge,
    ) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, edge).await?;
        if let Err(error) = caller.must_administer() {
            let path = parts.extensions.get::<axum::extract::MatchedPath>();
            let path = path.map_or("", axum::extract::MatchedPath::as_str);
            let asked = caller.does(AuditKind::AdministrationRefused);
            refused(edge, asked.about(format!("{} {path}", parts.method))).await;
            return Err(error.into());
        }
        Ok(Self(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn of_one_address_so_many_refusals_are_written_in_a_minute_and_then_one_row_more() {
        let noted = Noted::default();
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let written = |second| noted.refused(Some(address(1)), at(second));
        for _ in 0..REFUSED_OF_ONE {
            assert_eq!(written(0), Written::Itself);
        }
        assert_eq!(written(30), Written::More);
        assert_eq!(written(59), Written::Nothing);
        assert_eq!(noted.refused(Some(address(2)), at(59)), Written::Itself);
        assert_eq!(noted.refused(Some(address(1)), at(60)), Written::Itself);
    }

    #[test]
    fn many_addresses_together_have_a_bound_too() {
        let noted = Noted::default();
        let written = (0..10_000).filter(|n| {
            noted.refused(Some(address(*n)), Timestamp::from_millis(0)) != Written::Nothing
        });
        assert_eq!(written.count(), REFUSED_OF_ALL as usize + 1);
        assert!(noted.refused.lock().unwrap().of_one.len() <= REFUSED_OF_ALL as usize + 1);
    }

    #[test]
    fn a_watcher_is_noted_once_an_hour_for_each_participant() {
        let noted = Noted::default();
        let news = |no, ms| {
            let pair = (ParticipantNo(1), ParticipantNo(no));
            noted.is_news(pair, Timestamp::from_millis(ms))
        };
        assert!(news(2, 0) && !news(2, HOUR_MS - 1) && news(3, HOUR_MS - 1));
        assert!(news(2, HOUR_MS));
        noted.forget((ParticipantNo(1), ParticipantNo(2)));
        assert!(news(2, HOUR_MS), "what could not be noted is tried again");
    }
}
