//! The audit in memory.

use crewline_api::{AuditEntry, Timestamp};

use super::{Data, MemoryStore};
use crate::audit::{AuditQuery, AuditedAct, NewAudit, refused_notes};
use crate::directory::DirectoryError;

impl Data {
    fn add_notes(&mut self, notes: Vec<NewAudit>, now: Timestamp) {
        for note in notes {
            self.last_audit += 1;
            self.audit.insert(self.last_audit, (now, note));
        }
    }

    pub(super) fn audit_entries(&self, query: &AuditQuery, limit: usize) -> Vec<AuditEntry> {
        let before = query.before.unwrap_or(i64::MAX);
        let wanted = |(_, (at, note)): &(&i64, &(Timestamp, NewAudit))| {
            query.who.as_ref().is_none_or(|who| *who == note.by.who)
                && query
                    .about
                    .as_ref()
                    .is_none_or(|about| note.about.as_ref() == Some(about))
                && (query.what.is_empty() || query.what.contains(&note.what))
                && query.from.is_none_or(|from| *at >= from)
                && query.to.is_none_or(|to| *at < to)
        };
        let rows = self.audit.range(..before).rev().filter(wanted).take(limit);
        rows.map(|(no, (at, note))| self.audit_entry(*no, *at, note))
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
        let before = self.lock().clone();
        let mut notes = vec![note];
        let done = act(self, &mut notes);
        let mut data = self.lock();
        match &done {
            Ok(()) => data.add_notes(notes, now),
            Err(error) => {
                *data = before;
                data.add_notes(refused_notes(notes, error), now);
            }
        }
        done
    }

    pub(super) fn forget_old_audit(&mut self, before: Timestamp, limit: usize) -> u64 {
        let mut data = self.lock();
        let old = data.audit.iter().take_while(|(_, (at, _))| *at < before);
        let old: Vec<i64> = old.map(|(no, _)| *no).take(limit).collect();
        for no in &old {
            data.audit.remove(no);
        }
        old.len() as u64
    }
}
