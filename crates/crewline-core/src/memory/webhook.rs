//! Webhooks in memory.

use std::collections::BTreeMap;

use crewline_api::limits::{WEBHOOK_PARKED_MAX, WEBHOOKS_MAX};
use crewline_api::{EventKinds, Seq, Timestamp, WebhookFailure, WebhookUrl};

use super::Data;
use crate::changes::CursorRow;
use crate::directory::DirectoryError;
use crate::state::Standing;
use crate::webhook::{NewWebhookRow, WebhookAct, WebhookRow, WebhookSecret, cursor_of, silent};
use crate::{DeviceNo, ParticipantNo, WebhookNo};

#[derive(Debug, Clone)]
pub(super) struct WebhookData {
    participant: ParticipantNo,
    device: DeviceNo,
    url: WebhookUrl,
    kinds: EventKinds,
    secret: WebhookSecret,
    paused: Option<String>,
    created_at: Timestamp,
    revision: u64,
    rewind_to: Option<Seq>,
    dropped: u64,
    failures: BTreeMap<Seq, WebhookFailure>,
}

impl WebhookData {
    /// What failed and was not parked is forgotten: it is tried anew.
    fn begin_anew(&mut self) {
        self.failures.retain(|_, failure| failure.parked);
    }

    fn act(&mut self, act: &WebhookAct, head: Seq) -> Result<(), DirectoryError> {
        match act {
            WebhookAct::Change { url, kinds } => {
                self.url = url.clone().unwrap_or_else(|| self.url.clone());
                self.kinds = kinds.unwrap_or(self.kinds);
                self.begin_anew();
            }
            WebhookAct::Pause(reason) => {
                self.paused.get_or_insert_with(|| reason.clone());
            }
            WebhookAct::Resume => {
                self.paused = None;
                self.begin_anew();
            }
            WebhookAct::Replay(from) => {
                let to = from.saturating_sub(1);
                check_within(to, head)?;
                self.rewind_to = Some(to);
                self.begin_anew();
                self.failures.retain(|seq, _| *seq <= to);
            }
            WebhookAct::ReplayParked(seq) => {
                let parked = self.failures.get_mut(seq).filter(|failure| failure.parked);
                parked.ok_or(DirectoryError::NotParked(*seq))?.again = true;
            }
        }
        self.revision += 1;
        Ok(())
    }
}

/// Nobody begins behind what is there.
fn check_within(seq: Seq, head: Seq) -> Result<(), DirectoryError> {
    if seq <= head {
        Ok(())
    } else {
        Err(DirectoryError::BeyondLog { seq, head })
    }
}

impl Data {
    pub(super) fn add_webhook(
        &mut self,
        new: &NewWebhookRow,
        now: Timestamp,
    ) -> Result<WebhookNo, DirectoryError> {
        if self.webhooks.len() >= WEBHOOKS_MAX {
            return Err(DirectoryError::TooManyWebhooks);
        }
        let participant = self.watched_no(&new.participant)?;
        let head = self.head(participant);
        let seq = new.after.unwrap_or(head);
        check_within(seq, head)?;
        // Who is not in the directory acts as an external from now on.
        if let Some(row) = self.participants.get_mut(&participant)
            && row.standing == Standing::Expected
        {
            row.standing = Standing::External;
        }
        let no = self.last_webhook.next();
        self.last_webhook = no;
        let device = self.make_device(None, format!("webhook-{}", no.0), None, now);
        let row = CursorRow {
            seq,
            kinds: silent(new.kinds),
            put_at: now,
            released: false,
        };
        self.cursors.insert((participant, cursor_of(no)), row);
        let data = WebhookData {
            participant,
            device,
            url: new.url.clone(),
            kinds: new.kinds,
            secret: new.secret.clone(),
            paused: None,
            created_at: now,
            revision: 0,
            rewind_to: None,
            dropped: 0,
            failures: BTreeMap::new(),
        };
        self.webhooks.insert(no, data);
        Ok(no)
    }

    pub(super) fn act_on_webhook(
        &mut self,
        no: WebhookNo,
        act: &WebhookAct,
    ) -> Result<(), DirectoryError> {
        let missing = || DirectoryError::NoWebhook(no);
        let participant = self.webhooks.get(&no).ok_or_else(missing)?.participant;
        let head = self.head(participant);
        self.webhooks
            .get_mut(&no)
            .ok_or_else(missing)?
            .act(act, head)
    }

    pub(super) fn remove_webhook(&mut self, no: WebhookNo) -> bool {
        let Some(webhook) = self.webhooks.remove(&no) else {
            return false;
        };
        self.cursors.remove(&(webhook.participant, cursor_of(no)));
        true
    }

    pub(super) fn webhook_rewound(&mut self, no: WebhookNo, to: Seq) {
        if let Some(webhook) = self.webhooks.get_mut(&no)
            && webhook.rewind_to == Some(to)
        {
            webhook.rewind_to = None;
        }
    }

    pub(super) fn note_webhook_failure(&mut self, no: WebhookNo, failure: &WebhookFailure) {
        let Some(webhook) = self.webhooks.get_mut(&no) else {
            return;
        };
        webhook.failures.insert(failure.seq, failure.clone());
        let parked = webhook.failures.values().filter(|failure| failure.parked);
        if parked.count() > WEBHOOK_PARKED_MAX {
            let mut parked = webhook.failures.values().filter(|failure| failure.parked);
            let oldest = parked.next().map(|failure| failure.seq);
            webhook.dropped += 1;
            oldest.map(|seq| webhook.failures.remove(&seq));
        }
    }

    pub(super) fn forget_webhook_failure(&mut self, no: WebhookNo, seq: Seq) {
        if let Some(webhook) = self.webhooks.get_mut(&no) {
            webhook.failures.remove(&seq);
        }
    }

    pub(super) fn webhook_rows(&self) -> Vec<WebhookRow> {
        let rows = self.webhooks.iter().filter_map(|(no, webhook)| {
            let participant = self.participants.get(&webhook.participant)?;
            let cursor = self.cursors.get(&(webhook.participant, cursor_of(*no)));
            let parked = || webhook.failures.values().filter(|failure| failure.parked);
            Some(WebhookRow {
                no: *no,
                participant: webhook.participant,
                id: participant.id.clone(),
                external: participant.standing != Standing::User,
                disabled: participant.disabled,
                device: webhook.device,
                url: webhook.url.clone(),
                kinds: webhook.kinds,
                secret: webhook.secret.clone(),
                paused: webhook.paused.clone(),
                created_at: webhook.created_at,
                revision: webhook.revision,
                rewind_to: webhook.rewind_to,
                seq: cursor.map_or(0, |cursor| cursor.seq),
                head: self.head(webhook.participant),
                failing: webhook
                    .failures
                    .values()
                    .find(|failure| !failure.parked)
                    .cloned(),
                parked: parked().count() as u64,
                again: parked().any(|failure| failure.again),
                dropped: webhook.dropped,
            })
        });
        rows.collect()
    }

    pub(super) fn webhook_failures(
        &self,
        no: WebhookNo,
        after: Seq,
        limit: usize,
    ) -> Vec<WebhookFailure> {
        let webhook = self.webhooks.get(&no);
        let failures = webhook
            .into_iter()
            .flat_map(|webhook| webhook.failures.values());
        failures
            .filter(|failure| failure.seq > after)
            .take(limit)
            .cloned()
            .collect()
    }
}
