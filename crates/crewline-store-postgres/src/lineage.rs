//! Whether the database is still the one that was served.
//!
//! A standby that takes over begins a new *timeline*, and so does a database that was restored from a base backup. What was
//! answered on the old one may be missing on the new one; then numbers of logs are used again, and only another epoch says so.
//! Therefore the store notes the timeline, and whether each commit was confirmed by a standby; a connection to another timeline
//! than the one that is known, or to a server that was started anew, is judged before anything is read or written by it.
//!
//! It owns what this process knows of the database: the highest timeline, the epoch, and what was last confirmed to it.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crewline_core::{StoreError, StoreErrorKind};

use crate::error::{Fault, Place};
use crate::meta;
use crate::sql::Sql;
use crate::turn::TURN;

/// Shows an [`Identity`]. Every role may ask that; a server that takes no writes does not know it.
pub(crate) const WHO: &str = "SELECT system_identifier || ' ' \
     || ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int8 || ' ' \
     || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8 FROM pg_control_system()";

/// Whether a commit is confirmed by a standby before it is answered. (`remote_write` is not: there it may be in memory alone.)
macro_rules! synchronous {
    () => {
        "current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') IN ('on', 'remote_apply')"
    };
}
pub(crate) use synchronous;

/// Which database is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The cluster: drawn when it was made, and the same on its standbys.
    pub(crate) system: u64,
    /// Its timeline.
    pub(crate) timeline: u32,
    /// When this server was started.
    started: i64,
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("it says {text:?} of its timeline");
        let words: Vec<&str> = text.split(' ').collect();
        let [system, timeline, started] = words[..] else {
            return Err(fault());
        };
        Ok(Self {
            system: system.parse().map_err(|_| fault())?,
            timeline: timeline.parse().map_err(|_| fault())?,
            started: started.parse().map_err(|_| fault())?,
        })
    }
}

/// What the store says of the database that it was last served from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) system: u64,
    pub(crate) timeline: u32,
    /// Whether all that was answered there was confirmed by a standby.
    pub(crate) synchronous: bool,
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.synchronous {
            "synchronous"
        } else {
            "alone"
        };
        write!(f, "{} {} {how}", self.system, self.timeline)
    }
}

impl FromStr for Noted {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        let [system, timeline, how] = words[..] else {
            return Err(());
        };
        Ok(Self {
            system: system.parse().map_err(drop)?,
            timeline: timeline.parse().map_err(drop)?,
            synchronous: how == "synchronous",
        })
    }
}

/// Why logs do not go on as they were, where they do not. `missing` says that what was confirmed to this server is not there.
fn broken(noted: Option<Noted>, found: &Identity, missing: bool) -> Option<&'static str> {
    if missing {
        return Some("what was confirmed to this server is not there");
    }
    // A store of a version that noted nothing.
    let noted = noted?;
    if noted.system != found.system {
        return Some("it was served from another cluster before: it was restored, or moved");
    }
    match found.timeline.cmp(&noted.timeline) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some("it was served on a later timeline before"),
        std::cmp::Ordering::Greater if noted.synchronous => None,
        std::cmp::Ordering::Greater => {
            Some("a standby has taken over, or it was restored, and no standby confirmed commits")
        }
    }
}

#[derive(Default)]
struct Known {
    /// The cluster, and the highest timeline of it that was seen.
    highest: Option<(u64, u32)>,
    /// What was judged last, by who serves.
    judged: Option<Identity>,
    /// The epoch under which all is served.
    epoch: Option<String>,
    /// The own row of `writer`.
    row: Option<i64>,
    /// What stands there.
    confirmed: Vec<u8>,
    /// What may stand there instead: a transaction whose end is not confirmed yet.
    doubtful: Option<Vec<u8>>,
    /// What is noted of whether standbys confirm.
    synchronous: bool,
    /// Where logs do not go on as they were.
    replaced: Option<StoreError>,
}

impl Known {
    fn misses(&self, found: Option<&[u8]>) -> bool {
        // A row that is gone was removed because nobody wrote for long.
        found
            .is_some_and(|found| found != self.confirmed && Some(found) != self.doubtful.as_deref())
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Lineage(Mutex<Known>);

impl Lineage {
    fn lock(&self) -> MutexGuard<'_, Known> {
        // Each change is one assignment, or harmless by itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a database that is behind what was seen: an old primary that is back, or one of another cluster.
    pub(crate) fn admit(&self, found: &Identity) -> Result<(), String> {
        let mut known = self.lock();
        if let Some((system, timeline)) = known.highest {
            if system != found.system {
                return Err("it is of another cluster than the one that was used before; if that is meant, start again".to_owned());
            }
            if found.timeline < timeline {
                return Err(format!(
                    "it is on timeline {}, and another host was on {timeline} already: an old primary, which must not be written to",
                    found.timeline
                ));
            }
        }
        known.highest = Some((found.system, found.timeline));
        Ok(())
    }

    /// Whether a connection must be judged before it is used.
    pub(crate) fn is_news(&self, found: &Identity) -> bool {
        let known = self.lock();
        known.judged.as_ref().is_some_and(|judged| judged != found)
    }

    /// Why nothing can go on as it was, where that is so.
    pub(crate) fn replaced(&self) -> Option<StoreError> {
        self.lock().replaced.clone()
    }

    /// Says which row of `writer` is that of this process.
    pub(crate) fn serve(&self, row: i64) {
        self.lock().row = Some(row);
    }

    /// A transaction of this name is about to be committed.
    pub(crate) fn doubt(&self, name: &[u8]) {
        self.lock().doubtful = Some(name.to_vec());
    }

    /// It was written.
    pub(crate) fn confirm(&self, name: &[u8]) {
        let mut known = self.lock();
        known.confirmed = name.to_vec();
        known.doubtful = None;
    }

    /// It was not.
    pub(crate) fn undo(&self) {
        self.lock().doubtful = None;
    }

    /// Whether it is to be noted that standbys confirm, or do not.
    pub(crate) fn is_to_note(&self, synchronous: bool) -> bool {
        let known = self.lock();
        known.judged.is_some() && known.synchronous != synchronous
    }

    /// It was noted.
    pub(crate) fn noted(&self, synchronous: bool) {
        self.lock().synchronous = synchronous;
    }

    /// What is to be noted now.
    pub(crate) fn note(&self, synchronous: bool) -> Option<Noted> {
        let (system, timeline) = self.lock().highest?;
        Some(Noted {
            system,
            timeline,
            synchronous,
        })
    }

    /// Looks whether logs go on at this database, and draws a new epoch where they do not: once, whichever node comes first.
    /// Where they do not go on for a process that serves, it is the end of it: see [`replaced`](Self::replaced).
    ///
    /// It writes and waits for the commit. With a standby that confirms, all that was there before is then there, too: what an
    /// earlier connection had written may have become visible without.
    pub(crate) fn judge(&self, sql: &Sql, place: &Place, found: &Identity) -> Result<(), Fault> {
        sql.begin_by(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = 0; \
             SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'; \
             SELECT pg_advisory_xact_lock({TURN})"
        ))?;
        let judged = self.judge_in_turn(sql, place, found);
        match &judged {
            Ok((epoch, synchronous)) => {
                sql.commit()?;
                let mut known = self.lock();
                known.judged = Some(found.clone());
                known.synchronous = *synchronous;
                let before = known.epoch.get_or_insert_with(|| epoch.clone());
                if before != epoch {
                    let error = place.replaced(before, epoch);
                    known.replaced = Some(error.clone());
                    return Err(error.into());
                }
            }
            Err(_) => sql.rollback(),
        }
        judged.map(drop)
    }

    fn judge_in_turn(
        &self,
        sql: &Sql,
        place: &Place,
        found: &Identity,
    ) -> Result<(String, bool), Fault> {
        let synchronous = sql.simple(concat!("SELECT ", synchronous!()))?.as_deref() == Some("t");
        let (noted, mut epoch) = (meta::timeline(sql)?, meta::epoch(sql)?);
        let row = self.lock().row;
        let there: Option<Vec<u8>> = match row {
            Some(row) => sql.value("SELECT transaction FROM writer WHERE no = $1", &[&row])?,
            None => None,
        };
        let (known, missing) = {
            let known = self.lock();
            (known.epoch.clone(), known.misses(there.as_deref()))
        };
        // Another node has judged already.
        let is_judged = known.is_some_and(|known| known != epoch);
        if let Some(why) = broken(noted, found, missing).filter(|_| !is_judged) {
            let before = std::mem::replace(&mut epoch, meta::draw_epoch(sql)?);
            tracing::error!(
                store = place.shown(),
                why,
                before,
                epoch,
                timeline = found.timeline,
                "messages that were answered may be missing: the logs have a new epoch"
            );
        }
        let note = Noted {
            system: found.system,
            timeline: found.timeline,
            synchronous,
        };
        meta::note_timeline(sql, note)?;
        if let Some(row) = row {
            let confirmed = self.lock().confirmed.clone();
            sql.execute(
                "INSERT INTO writer (no, transaction) VALUES ($1, $2) ON CONFLICT (no) DO UPDATE SET at = now()",
                &[&row, &confirmed],
            )?;
        }
        Ok((epoch, synchronous))
    }
}

/// An error that ends a process that serves.
impl Place {
    fn replaced(&self, before: &str, epoch: &str) -> StoreError {
        let place = self.shown();
        StoreError::new(
            StoreErrorKind::Lost,
            format!(
                "{place} is not the database any more that was served: messages that were answered may be missing, and its logs \
                 have the epoch {epoch} instead of {before}. A server that is started now goes on with what is there"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(system: u64, timeline: u32) -> Identity {
        Identity {
            system,
            timeline,
            started: 0,
        }
    }

    #[test]
    fn logs_go_on_on_the_same_timeline_and_after_a_failover_to_one_who_had_confirmed() {
        let noted = |synchronous| Noted {
            system: 7,
            timeline: 2,
            synchronous,
        };
        let goes_on = |synchronous, system, timeline, missing| {
            broken(Some(noted(synchronous)), &found(system, timeline), missing).is_none()
        };
        assert!(goes_on(false, 7, 2, false));
        assert!(goes_on(true, 7, 3, false));
        assert!(!goes_on(false, 7, 3, false), "nobody had confirmed");
        assert!(!goes_on(true, 7, 3, true), "it was confirmed in vain");
        assert!(!goes_on(true, 7, 2, true));
        assert!(!goes_on(true, 7, 1, false));
        assert!(!goes_on(true, 8, 2, false));
        assert!(broken(None, &found(7, 9), false).is_none());
        assert_eq!(noted(true).to_string().parse(), Ok(noted(true)));
        assert_eq!(noted(false).to_string().parse(), Ok(noted(false)));
    }

    #[test]
    fn a_timeline_below_the_one_that_was_seen_is_refused_and_so_is_another_cluster() {
        let lineage = Lineage::default();
        lineage.admit(&found(7, 1)).unwrap();
        lineage.admit(&found(7, 2)).unwrap();
        assert!(lineage.admit(&found(7, 1)).is_err());
        assert!(lineage.admit(&found(8, 2)).is_err());
        lineage.admit(&found(7, 2)).unwrap();
    }
}
