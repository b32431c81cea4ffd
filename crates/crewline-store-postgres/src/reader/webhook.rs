//! Webhooks, and what their receivers did not take.

use std::collections::BTreeMap;

use crewline_api::{EventKinds, Seq, WebhookFailure, WebhookUrl};
use crewline_core::{DeviceNo, ParticipantNo, Standing, WebhookNo, WebhookRow, WebhookSecret};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::row::{self, as_integer};
use crate::sql::{Call, Sql, get};

type Result<T> = std::result::Result<T, Fault>;

const ALL: &str = "SELECT w.no, w.participant, p.id, p.standing, p.disabled, w.device, w.url, w.kinds, w.secret, w.paused,
        w.created_at, w.revision, w.rewind_to, w.dropped, coalesce(c.seq, 0),
        (SELECT count(*) FROM webhook_failure f WHERE f.webhook = w.no AND f.parked),
        EXISTS (SELECT 1 FROM webhook_failure f WHERE f.webhook = w.no AND f.parked AND f.again),
        coalesce((SELECT max(l.seq) FROM log l WHERE l.participant = w.participant), 0)
     FROM webhook w JOIN participant p ON p.no = w.participant
     LEFT JOIN cursor c ON c.participant = w.participant AND c.name = 'webhook.' || w.no
     ORDER BY w.no";

macro_rules! failures {
    ($rest:literal) => {
        concat!(
            "SELECT webhook, seq, parked, first_at, last_at, attempts, status, error, answer, again FROM webhook_failure ",
            $rest
        )
    };
}

/// Every webhook, oldest first. There are at most [`crewline_api::limits::WEBHOOKS_MAX`].
pub(crate) fn all(sql: &Sql) -> Result<Vec<WebhookRow>> {
    const FAILING: &str = failures!("WHERE NOT parked ORDER BY webhook, seq DESC");
    let both = sql.query_all(&[Call::new(ALL), Call::new(FAILING)])?;
    let [rows, failing] = both.as_slice() else {
        return Ok(Vec::new());
    };
    // Of several the first stays.
    let mut failures = BTreeMap::new();
    for row in failing {
        failures.insert(WebhookNo(get(row, 0)?), failure(row)?);
    }
    let mut webhooks = Vec::new();
    for row in rows {
        let mut webhook = one(row)?;
        webhook.failing = failures.remove(&webhook.no);
        webhooks.push(webhook);
    }
    Ok(webhooks)
}

fn one(row: &Row) -> Result<WebhookRow> {
    let (url, secret): (&str, &str) = (get(row, 6)?, get(row, 8)?);
    Ok(WebhookRow {
        no: WebhookNo(get(row, 0)?),
        participant: ParticipantNo(get(row, 1)?),
        id: row::participant_id(row, 2)?,
        external: row::standing(row, 3)? != Standing::User,
        disabled: get(row, 4)?,
        device: DeviceNo(get(row, 5)?),
        url: WebhookUrl::new(url)
            .map_err(|_| Fault::damaged("the URL of a webhook cannot be read"))?,
        kinds: EventKinds::from_bits(get::<i32>(row, 7)? as u16),
        secret: WebhookSecret::kept(secret)
            .ok_or_else(|| Fault::damaged("the secret of a webhook cannot be read"))?,
        paused: get(row, 9)?,
        created_at: row::time(row, 10)?,
        revision: row::count(row, 11)?,
        rewind_to: get::<Option<i64>>(row, 12)?.map(|to| to as Seq),
        dropped: row::count(row, 13)?,
        seq: row::count(row, 14)?,
        head: row::count(row, 17)?,
        failing: None,
        parked: row::count(row, 15)?,
        again: get(row, 16)?,
    })
}

fn failure(row: &Row) -> Result<WebhookFailure> {
    let status: Option<i32> = get(row, 6)?;
    Ok(WebhookFailure {
        seq: row::count(row, 1)?,
        parked: get(row, 2)?,
        first_at: row::time(row, 3)?,
        last_at: row::time(row, 4)?,
        attempts: row::count(row, 5)?,
        status: status.map(|status| status as u16),
        error: get(row, 7)?,
        answer: get(row, 8)?,
        again: get(row, 9)?,
    })
}

/// What a receiver did not take.
pub(super) fn failures(
    sql: &Sql,
    no: WebhookNo,
    after: Seq,
    limit: usize,
) -> Result<Vec<WebhookFailure>> {
    const FAILURES: &str = failures!("WHERE webhook = $1 AND seq > $2 ORDER BY seq LIMIT $3");
    let rows = sql.query(
        FAILURES,
        &[&no.0, &as_integer(after), &as_integer(limit as u64)],
    )?;
    rows.iter().map(failure).collect()
}
