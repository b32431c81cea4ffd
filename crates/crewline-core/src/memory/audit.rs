//! The audit in memory.

use crewline_api::{AuditEntry, Timestamp};

use super::{Data, MemoryStore};
use crate::MessageNo;
use crate::audit::{
    AuditFound, AuditQuery, AuditSends, AuditedAct, NewAudit, SentEntry, merged, refused_notes,
};
use crate::changes::NewMessageRow;
use crate::directory::DirectoryError;

impl Data {
    fn add_notes(&mut self, notes: Vec<NewAudit>, now: Timestamp) {
        for note in notes {
            self.last_audit += 1;
            self.audit.insert(self.last_audit, (now, note));
        }
    }

    pub(super) fn audit(&self, query: &AuditQuery, limit: usize) -> AuditFound {
        let rows = if query.wants_rows() {
            self.audit_rows(query, limit + 1)
        } else {
            Vec::new()
        };
        merged(query, rows, self.sends(query, limit + 1), limit)
    }

    /// Looks at every message.
    fn sends(&self, query: &AuditQuery, limit: usize) -> AuditSends {
        let mut found = Vec::new();
        if query.wants_sends() {
            let below = MessageNo(query.place().message);
            let sends = self.messages.range(..below).rev();
            let sends = sends.filter(|(_, row)| query.covers(row.message.sent_at));
            let sends = sends.filter_map(|(no, row)| Some((no.0, self.send(row)?)));
            let wanted = |(_, entry): &(i64, AuditEntry)| {
                query.who.as_ref().is_none_or(|who| *who == entry.who)
                    && query
                        .about
                        .as_ref()
                        .is_none_or(|about| entry.about.as_ref() == Some(about))
            };
            found.extend(sends.filter(wanted).take(limit));
        }
        AuditSends {
            found,
            looked_to: None,
        }
    }

    fn send(&self, row: &NewMessageRow) -> Option<AuditEntry> {
        let message = &row.message;
        let chat = self.chats.get(&message.chat)?;
        let device = self.devices.get(&row.device);
        let sent = SentEntry {
            message: message.id(),
            at: message.sent_at,
            who: chat.member_id(message.sender)?.clone(),
            role: self.users.get(&message.sender).map(|user| user.role),
            device: device.map(|device| device.id.clone()),
            recipients: chat.members.len() - 1,
        };
        Some(sent.into())
    }

    fn audit_rows(&self, query: &AuditQuery, limit: usize) -> Vec<(i64, AuditEntry)> {
        let before = query.place().row;
        let wanted = |(_, (at, note)): &(&i64, &(Timestamp, NewAudit))| {
            query.who.as_ref().is_none_or(|who| *who == note.by.who)
                && query
                    .about
                    .as_ref()
                    .is_none_or(|about| note.about.as_ref() == Some(about))
                && (query.what.is_empty() || query.what.contains(&note.what))
                && query.covers(*at)
        };
        let rows = self.audit.range(..before).rev().filter(wanted).take(limit);
        rows.map(|(no, (at, note))| (*no, self.audit_entry(*no, *at, note)))
            .collect()
    }

    fn audit_entry(&self, no: i64, at: Timestamp, note: &NewAudit) -> AuditEntry {
        let device = note.by.device.and_then(|no| self.devices.get(&no));
        AuditEntry {
            audit_id: no.to_string(),
            at,
            what: note.what,
            who: note.by.who.clone(),
            role: note.by.role,
            credential: note.by.credential_text(),
            device_id: device.map(|device| device.id.clone()),
            address: note.by.address.map(|address| address.to_string()),
            about: note.about.clone(),
            detail: note.detail.clone(),
            refused: note.refused,
        }
    }
}

impl MemoryStore {
    pub(super) fn run_audited(
        &mut self,
        note: NewAudit,
        now: Timestamp,
        act: AuditedAct<'_>,
    ) -> Result<(), DirectoryError> {
        let before = self.hold()?;
        let mut notes = vec![note];
        let done = act(self, &mut notes);
        let mut data = self.change();
        match &done {
            Ok(()) => data.add_notes(notes, now),
            Err(error) => {
                let writes = data.writes;
                *data = before;
                data.writes = writes;
                data.add_notes(refused_notes(notes, error), now);
            }
        }
        data.held_by = None;
        drop(data);
        self.freed.notify_all();
        done
    }

    pub(super) fn forget_old_audit(
        &mut self,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, DirectoryError> {
        let mut data = self.fenced()?;
        let old = data.audit.iter().take_while(|(_, (at, _))| *at < before);
        let old: Vec<i64> = old.map(|(no, _)| *no).take(limit).collect();
        for no in &old {
            data.audit.remove(no);
        }
        Ok(old.len() as u64)
    }
}
