//! Who calls: the secret that a request carries, and the credential that it stands for.
//!
//! Credentials are kept in memory until the directory changes, so that a request costs no reading of the store.
//! A secret is never kept or logged; its hash is the key.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use crewline_api::{ApiError, ErrorCode, ParticipantId, Timestamp};
use crewline_core::{Credential, ParticipantNo, ParticipantRow, SecretHash, Standing};
use tokio::sync::watch;

use crate::app::Edge;
use crate::problem::Refusal;
use crate::{Settings, cookie, origin, proxy};

/// Most credentials, participants, and watchers that are kept in memory, of each. When there are more, all are read anew.
const KEPT_MAX: usize = 10_000;

/// A credential, and when it was last noted as used.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) credential: Credential,
    noted_minute: AtomicI64,
}

impl Known {
    fn new(credential: Credential) -> Self {
        Self {
            credential,
            noted_minute: AtomicI64::new(i64::MIN),
        }
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.credential.expires_at.is_none_or(|end| now < end)
    }

    /// Whether this minute was not noted before.
    fn is_news(&self, now: Timestamp) -> bool {
        let minute = now.as_millis() / 60_000;
        self.noted_minute.swap(minute, Ordering::Relaxed) != minute
    }
}

/// Who calls, by which secret.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    known: Arc<Known>,
    secret: SecretHash,
    address: Option<IpAddr>,
}

impl Caller {
    /// A caller with a credential that was not looked up.
    pub(crate) fn of(credential: Credential, secret: SecretHash) -> Self {
        Self {
            known: Arc::new(Known::new(credential)),
            secret,
            address: None,
        }
    }

    /// Whom the caller may act as.
    pub(crate) fn credential(&self) -> &Credential {
        &self.known.credential
    }

    /// Where the caller calls from, where that is known.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The hash of the secret, by which the credential is found again.
    pub(crate) fn secret(&self) -> SecretHash {
        self.secret
    }

    /// Whether the credential still stands.
    pub(crate) async fn is_still_known(&self, edge: &Edge) -> Result<bool, ApiError> {
        let now = find(edge, self.secret).await?;
        Ok(now.is_some_and(|now| now.credential.source == self.known.credential.source))
    }
}

impl FromRequestParts<Edge> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Refusal> {
        let (secret, by_cookie) = presented(parts, &edge.settings)?;
        let known = find(edge, secret).await?.ok_or_else(unknown)?;
        if by_cookie && origin::is_needed(&parts.method, &parts.headers) {
            origin::check(parts, &edge.settings)?;
        }
        let now = edge.engine.now();
        if known.is_news(now) {
            edge.seen.note(edge, &known.credential, now);
        }
        Ok(Self {
            known,
            secret,
            address: proxy::client(parts, &edge.settings),
        })
    }
}

fn unauthenticated(detail: &str) -> ApiError {
    ApiError::new(ErrorCode::Unauthenticated, detail)
}

fn unknown() -> ApiError {
    unauthenticated(
        "The token or session is not known: it was revoked, it ended, or it was never made. Sign in again, or make a new token.",
    )
}

/// The secret of a request, and whether it came as a cookie. A token goes before a cookie.
pub(crate) fn presented(
    parts: &Parts,
    settings: &Settings,
) -> Result<(SecretHash, bool), ApiError> {
    let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
    if let Some(value) = given.next() {
        let malformed =
            || unauthenticated("The header Authorization must be `Bearer TOKEN`, once.");
        let text = value.to_str().map_err(|_| malformed())?;
        let (scheme, secret) = text.split_once(' ').ok_or_else(malformed)?;
        let secret = secret.trim_matches(' ');
        if !scheme.eq_ignore_ascii_case("bearer") || secret.is_empty() || given.next().is_some() {
            return Err(malformed());
        }
        return Ok((SecretHash::of(secret), false));
    }
    let session = cookie::secret(parts, settings);
    session.map(|secret| (secret, true)).ok_or_else(|| {
        unauthenticated("This call needs credentials: send `Authorization: Bearer TOKEN`, or sign in by POST /api/v1/session.")
    })
}

async fn find(edge: &Edge, secret: SecretHash) -> Result<Option<Arc<Known>>, ApiError> {
    let now = edge.engine.now();
    let version = {
        let kept = edge.credentials.lock();
        if let Some(known) = kept.by_secret.get(&secret) {
            return Ok(Some(Arc::clone(known)).filter(|known| known.is_valid(now)));
        }
        kept.version
    };
    let Some(credential) = edge
        .engine
        .read(move |reader| reader.credential(&secret, now))
        .await?
    else {
        return Ok(None);
    };
    let known = Arc::new(Known::new(credential));
    let mut kept = edge.credentials.lock();
    // The directory may have changed while this was read: then it is good for this request, and read anew for the next.
    if kept.version == version {
        make_room(&mut kept.by_secret);
        kept.by_secret.insert(secret, Arc::clone(&known));
    }
    Ok(Some(known))
}

/// A participant, if it is known. Those that act are kept in memory.
pub(crate) async fn participant(
    edge: &Edge,
    id: &ParticipantId,
) -> Result<Option<ParticipantRow>, ApiError> {
    let version = {
        let kept = edge.credentials.lock();
        if let Some(row) = kept.participants.get(id) {
            return Ok(Some(row.clone()));
        }
        kept.version
    };
    let wanted = id.clone();
    let row = edge
        .engine
        .read(move |reader| reader.participant(&wanted))
        .await?;
    // Who is only expected may appear at any moment, as a user or as an external.
    if let Some(row) = row
        .as_ref()
        .filter(|row| row.standing != Standing::Expected)
    {
        let mut kept = edge.credentials.lock();
        if kept.version == version {
            make_room(&mut kept.participants);
            kept.participants.insert(row.id.clone(), row.clone());
        }
    }
    Ok(row)
}

/// Whether a user watches a participant. That it does is kept in memory.
pub(crate) async fn watches(
    edge: &Edge,
    user: ParticipantNo,
    participant: ParticipantNo,
) -> Result<bool, ApiError> {
    let pair = (user, participant);
    let version = {
        let kept = edge.credentials.lock();
        if kept.watches.contains(&pair) {
            return Ok(true);
        }
        kept.version
    };
    let watches = edge
        .engine
        .read(move |reader| reader.watches(user, participant))
        .await?;
    if watches {
        let mut kept = edge.credentials.lock();
        if kept.version == version {
            if kept.watches.len() >= KEPT_MAX {
                kept.watches.clear();
            }
            kept.watches.insert(pair);
        }
    }
    Ok(watches)
}

fn make_room<K, V>(map: &mut HashMap<K, V>) {
    if map.len() >= KEPT_MAX {
        map.clear();
    }
}

/// What was read of the directory, as long as it does not change.
pub(crate) struct Credentials {
    changes: watch::Receiver<u64>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The version of the directory at which the rest was read.
    version: u64,
    by_secret: HashMap<SecretHash, Arc<Known>>,
    participants: HashMap<ParticipantId, ParticipantRow>,
    /// Users, and whom they watch.
    watches: HashSet<(ParticipantNo, ParticipantNo)>,
}

impl Credentials {
    pub(crate) fn new(changes: watch::Receiver<u64>) -> Self {
        Self {
            changes,
            kept: Mutex::default(),
        }
    }

    /// What still holds: everything is forgotten as soon as the directory changes.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        let version = *self.changes.borrow();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version != version {
            *kept = Kept {
                version,
                ..Kept::default()
            };
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn secret(pairs: &[(header::HeaderName, &'static str)]) -> Option<(SecretHash, bool)> {
        let mut request = Request::get("/");
        for (name, value) in pairs {
            request = request.header(name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        presented(&parts, &Settings::default()).ok()
    }

    #[test]
    fn a_token_goes_before_a_cookie_and_a_malformed_one_is_not_passed_over() {
        let hash = SecretHash::of("a");
        assert_eq!(
            secret(&[
                (header::AUTHORIZATION, "Bearer a"),
                (header::COOKIE, "crewline_session=b")
            ]),
            Some((hash, false))
        );
        assert_eq!(
            secret(&[(header::AUTHORIZATION, "bearer  a ")]),
            Some((hash, false))
        );
        assert_eq!(
            secret(&[(header::COOKIE, "x=y; crewline_session=a; z")]),
            Some((hash, true))
        );
        for bad in ["Basic a", "Bearer", "Bearer ", "a"] {
            assert_eq!(
                secret(&[
                    (header::AUTHORIZATION, bad),
                    (header::COOKIE, "crewline_session=a")
                ]),
                None,
                "{bad}"
            );
        }
        assert_eq!(
            secret(&[
                (header::AUTHORIZATION, "Bearer a"),
                (header::AUTHORIZATION, "Bearer a")
            ]),
            None
        );
        assert_eq!(secret(&[]), None);
    }
}
