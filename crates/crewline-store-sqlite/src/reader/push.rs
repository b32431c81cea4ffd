//! Push: the key pair, the subscriptions, and what is known of a message that may have to wake somebody.

use crewline_api::{MessageId, Timestamp, WebhookUrl};
use crewline_core::{
    DeviceNo, ParticipantNo, PushKey, PushNo, PushPlaces, PushSecrets, PushState,
    PushSubscriptionRow, SessionNo,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::as_integer;
use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

/// The key pair, where one was made.
pub(crate) fn key(sql: &Connection) -> Result<Option<PushKey>> {
    let mut statement = sql.prepare_cached("SELECT pkcs8 FROM push_key")?;
    let key: Option<Vec<u8>> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(key.map(PushKey::kept))
}

/// What stands, of a session that has not ended and a user who is not shut out.
macro_rules! standing {
    ($rest:literal) => {
        concat!(
            "SELECT s.no, s.session, p.no, o.device, s.endpoint, s.p256dh, s.auth, s.origin, s.created_at, s.proven_at,
                    s.last_error, s.seq, s.emergencies, s.repeats
             FROM push_subscription s JOIN session o ON o.no = s.session JOIN participant p ON p.no = o.participant
             WHERE o.expires_at > ?1 AND p.standing = 1 AND p.disabled = 0 ",
            $rest
        )
    };
}

/// Every subscription, oldest first. There are at most [`crewline_api::limits::PUSH_SUBSCRIPTIONS_MAX`].
pub(crate) fn all(sql: &Connection, now: Timestamp) -> Result<Vec<PushSubscriptionRow>> {
    let mut statement = sql.prepare_cached(standing!("ORDER BY s.no"))?;
    let mut rows = statement.query([now.as_millis()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(subscription(row)?);
    }
    Ok(found)
}

/// That of a session.
pub(super) fn of(
    sql: &Connection,
    session: SessionNo,
    now: Timestamp,
) -> Result<Option<PushSubscriptionRow>> {
    let mut statement = sql.prepare_cached(standing!("AND s.session = ?2"))?;
    let mut rows = statement.query((now.as_millis(), session.0))?;
    rows.next()?.map(subscription).transpose()
}

fn subscription(row: &Row<'_>) -> Result<PushSubscriptionRow> {
    let endpoint: String = row.get(4)?;
    Ok(PushSubscriptionRow {
        no: PushNo(row.get(0)?),
        session: SessionNo(row.get(1)?),
        participant: ParticipantNo(row.get(2)?),
        device: DeviceNo(row.get(3)?),
        endpoint: WebhookUrl::new(&endpoint)
            .map_err(|_| Fault::damaged("the endpoint of a push subscription cannot be read"))?,
        secrets: PushSecrets {
            p256dh: row.get(5)?,
            auth: row.get(6)?,
        },
        origin: row.get(7)?,
        created_at: row::time(row, 8)?,
        proven_at: row::time_or_none(row, 9)?,
        last_error: row.get(10)?,
        places: PushPlaces {
            seq: row::count(row, 11)?,
            emergencies: row::count(row, 12)?,
            repeats: row::count(row, 13)?,
        },
    })
}

/// What is known of a message, for the device of a subscription.
pub(super) fn state(
    sql: &Connection,
    no: PushNo,
    message: MessageId,
    now: Timestamp,
) -> Result<Option<PushState>> {
    let mut statement = sql.prepare_cached(
        "SELECT m.salt,
                EXISTS (SELECT 1 FROM receipt f
                        WHERE f.message = m.no AND f.recipient = o.participant AND f.device = o.device),
                r.read_at IS NOT NULL, r.acknowledged_at IS NOT NULL
         FROM push_subscription s JOIN session o ON o.no = s.session JOIN participant p ON p.no = o.participant
         JOIN message m ON m.no = ?2
         LEFT JOIN recipient r ON r.message = m.no AND r.participant = o.participant
         WHERE s.no = ?3 AND o.expires_at > ?1 AND p.standing = 1 AND p.disabled = 0",
    )?;
    let mut rows = statement.query((now.as_millis(), as_integer(message.no()), no.0))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let salt: i64 = row.get(0)?;
    Ok((salt as u64 == message.salt()).then_some(PushState {
        stored: row.get(1)?,
        read: row.get(2)?,
        acknowledged: row.get(3)?,
    }))
}
