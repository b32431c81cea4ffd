//! Push: the key pair, the subscriptions, and what is known of a message that may have to wake somebody.

use crewline_api::{MessageId, Timestamp, WebhookUrl};
use crewline_core::{
    DeviceNo, ParticipantNo, PushKey, PushNo, PushPlaces, PushSecrets, PushState,
    PushSubscriptionRow, SessionNo,
};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::row::{self, as_integer};
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

/// The key pair, where one was made.
pub(crate) fn key(sql: &Sql) -> Result<Option<PushKey>> {
    let key: Option<Vec<u8>> = sql.value("SELECT pkcs8 FROM push_key", &[])?;
    Ok(key.map(PushKey::kept))
}

/// What stands, of a session that has not ended and a user who is not shut out.
macro_rules! standing {
    ($rest:literal) => {
        concat!(
            "SELECT s.no, s.session, p.no, o.device, s.endpoint, s.p256dh, s.auth, s.origin, s.created_at, s.proven_at,
                    s.last_error, s.seq, s.emergencies, s.repeats
             FROM push_subscription s JOIN session o ON o.no = s.session JOIN participant p ON p.no = o.participant
             WHERE o.expires_at > $1 AND p.standing = 1 AND NOT p.disabled ",
            $rest
        )
    };
}

/// Every subscription, oldest first. There are at most [`crewline_api::limits::PUSH_SUBSCRIPTIONS_MAX`].
pub(super) fn all(sql: &Sql, now: Timestamp) -> Result<Vec<PushSubscriptionRow>> {
    let rows = sql.query(standing!("ORDER BY s.no"), &[&now.as_millis()])?;
    rows.iter().map(subscription).collect()
}

/// That of a session.
pub(super) fn of(
    sql: &Sql,
    session: SessionNo,
    now: Timestamp,
) -> Result<Option<PushSubscriptionRow>> {
    let row = sql.first(
        standing!("AND s.session = $2"),
        &[&now.as_millis(), &session.0],
    )?;
    row.map(|row| subscription(&row)).transpose()
}

fn subscription(row: &Row) -> Result<PushSubscriptionRow> {
    let endpoint: &str = get(row, 4)?;
    Ok(PushSubscriptionRow {
        no: PushNo(get(row, 0)?),
        session: SessionNo(get(row, 1)?),
        participant: ParticipantNo(get(row, 2)?),
        device: DeviceNo(get(row, 3)?),
        endpoint: WebhookUrl::new(endpoint)
            .map_err(|_| Fault::damaged("the endpoint of a push subscription cannot be read"))?,
        secrets: PushSecrets {
            p256dh: bytes(row, 5)?,
            auth: bytes(row, 6)?,
        },
        origin: get(row, 7)?,
        created_at: row::time(row, 8)?,
        proven_at: row::time_or_none(row, 9)?,
        last_error: get(row, 10)?,
        places: PushPlaces {
            seq: row::count(row, 11)?,
            emergencies: row::count(row, 12)?,
            repeats: row::count(row, 13)?,
        },
    })
}

fn bytes<const N: usize>(row: &Row, at: usize) -> Result<[u8; N]> {
    let bytes: &[u8] = get(row, at)?;
    bytes
        .try_into()
        .map_err(|_| Fault::damaged("a key of a push subscription has another length"))
}

/// What is known of a message, for the device of a subscription.
pub(super) fn state(
    sql: &Sql,
    no: PushNo,
    message: MessageId,
    now: Timestamp,
) -> Result<Option<PushState>> {
    let row = sql.first(
        "SELECT m.salt,
                EXISTS (SELECT 1 FROM receipt f
                        WHERE f.message = m.no AND f.recipient = o.participant AND f.device = o.device),
                r.read_at IS NOT NULL, r.acknowledged_at IS NOT NULL
         FROM push_subscription s JOIN session o ON o.no = s.session JOIN participant p ON p.no = o.participant
         JOIN message m ON m.no = $2
         LEFT JOIN recipient r ON r.message = m.no AND r.participant = o.participant
         WHERE s.no = $3 AND o.expires_at > $1 AND p.standing = 1 AND NOT p.disabled",
        &[&now.as_millis(), &as_integer(message.no()), &no.0],
    )?;
    let Some(row) = row else { return Ok(None) };
    let salt: i64 = get(&row, 0)?;
    Ok((salt as u64 == message.salt()).then_some(PushState {
        stored: get(&row, 1)?,
        read: get(&row, 2)?,
        acknowledged: get(&row, 3)?,
    }))
}
