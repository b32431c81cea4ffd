//! Webhooks, and what their receivers did not take.

use crewline_api::{EventKinds, Seq, WebhookFailure, WebhookUrl};
use crewline_core::{DeviceNo, ParticipantNo, Standing, WebhookNo, WebhookRow, WebhookSecret};
use rusqlite::{Connection, Row};

use super::as_integer;
use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

/// Every webhook, oldest first. There are at most [`crewline_api::limits::WEBHOOKS_MAX`].
pub(crate) fn all(sql: &Connection) -> Result<Vec<WebhookRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT w.no, w.participant, p.id, p.standing, p.disabled, w.device, w.url, w.kinds, w.secret, w.paused,
                w.created_at, w.revision, w.rewind_to, w.dropped, coalesce(c.seq, 0),
                (SELECT count(*) FROM webhook_failure f WHERE f.webhook = w.no AND f.parked = 1),
                EXISTS (SELECT 1 FROM webhook_failure f WHERE f.webhook = w.no AND f.parked = 1 AND f.again = 1)
         FROM webhook w JOIN participant p ON p.no = w.participant
         LEFT JOIN cursor c ON c.participant = w.participant AND c.name = 'webhook.' || w.no
         ORDER BY w.no",
    )?;
    let mut rows = statement.query([])?;
    let mut webhooks = Vec::new();
    while let Some(row) = rows.next()? {
        webhooks.push(one(sql, row)?);
    }
    Ok(webhooks)
}

fn one(sql: &Connection, row: &Row<'_>) -> Result<WebhookRow> {
    let (no, participant) = (WebhookNo(row.get(0)?), ParticipantNo(row.get(1)?));
    let (url, secret): (String, String) = (row.get(6)?, row.get(8)?);
    Ok(WebhookRow {
        no,
        participant,
        id: row::participant_id(row, 2)?,
        external: row::standing(row, 3)? != Standing::User,
        disabled: row.get(4)?,
        device: DeviceNo(row.get(5)?),
        url: WebhookUrl::new(&url)
            .map_err(|_| Fault::damaged("the URL of a webhook cannot be read"))?,
        kinds: EventKinds::from_bits(row.get(7)?),
        secret: WebhookSecret::kept(&secret)
            .ok_or_else(|| Fault::damaged("the secret of a webhook cannot be read"))?,
        paused: row.get(9)?,
        created_at: row::time(row, 10)?,
        revision: row::count(row, 11)?,
        rewind_to: row.get::<_, Option<i64>>(12)?.map(|to| to as Seq),
        dropped: row::count(row, 13)?,
        seq: row::count(row, 14)?,
        head: row::load_head(sql, participant)?,
        failing: failing(sql, no)?,
        parked: row::count(row, 15)?,
        again: row.get(16)?,
    })
}

const COLUMNS: &str = "seq, parked, first_at, last_at, attempts, status, error, answer, again";

fn failure(row: &Row<'_>) -> Result<WebhookFailure> {
    Ok(WebhookFailure {
        seq: row::count(row, 0)?,
        parked: row.get(1)?,
        first_at: row::time(row, 2)?,
        last_at: row::time(row, 3)?,
        attempts: row::count(row, 4)?,
        status: row.get(5)?,
        error: row.get(6)?,
        answer: row.get(7)?,
        again: row.get(8)?,
    })
}

fn failing(sql: &Connection, no: WebhookNo) -> Result<Option<WebhookFailure>> {
    let mut statement = sql.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM webhook_failure WHERE webhook = ?1 AND parked = 0 ORDER BY seq LIMIT 1"
    ))?;
    let mut rows = statement.query([no.0])?;
    rows.next()?.map(failure).transpose()
}

/// What a receiver did not take.
pub(super) fn failures(
    sql: &Connection,
    no: WebhookNo,
    after: Seq,
    limit: usize,
) -> Result<Vec<WebhookFailure>> {
    let mut statement = sql.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM webhook_failure WHERE webhook = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    ))?;
    let mut rows = statement.query((no.0, as_integer(after), limit as i64))?;
    let mut failures = Vec::new();
    while let Some(row) = rows.next()? {
        failures.push(failure(row)?);
    }
    Ok(failures)
}
