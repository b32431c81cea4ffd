//! Nodes in memory: leases, and who is present where.

use std::collections::BTreeSet;

use crewline_api::Timestamp;

use super::Data;
use super::writer::MemoryWriter;
use crate::ParticipantNo;
use crate::node::{Fence, LeaseAsk, LeaseRow, Nodes, PresentAt};
use crate::port::{StoreError, StoreErrorKind};

/// A node, and who is present there.
#[derive(Debug, Clone)]
pub(super) struct NodeData {
    until: Timestamp,
    present: BTreeSet<ParticipantNo>,
}

impl Nodes for MemoryWriter {
    fn take_leases(&mut self, ask: &LeaseAsk<'_>) -> Result<Vec<Option<u64>>, StoreError> {
        let mut data = self.store.unheld();
        let take = |name: &&'static str| {
            let token = ask.token(data.leases.get(*name))?;
            let row = LeaseRow {
                name: (*name).to_owned(),
                owner: ask.owner,
                token,
                until: ask.until(),
            };
            data.leases.insert((*name).to_owned(), row);
            Some(token)
        };
        Ok(ask.names.iter().map(take).collect())
    }

    fn end_leases(&mut self, fences: &[Fence]) -> Result<(), StoreError> {
        let mut data = self.store.unheld();
        for fence in fences {
            if let Some(row) = data.leases.get_mut(fence.name)
                && row.token == fence.token
            {
                (row.owner, row.until) = (0, Timestamp::from_millis(0));
            }
        }
        Ok(())
    }

    fn fence(&mut self, fence: Option<Fence>) {
        self.store.fence = fence;
    }

    fn note_present(&mut self, at: &PresentAt<'_>) -> Result<bool, StoreError> {
        let mut data = self.store.unheld();
        data.nodes
            .retain(|_, node| node.until >= at.forget_before());
        if at.life.is_zero() {
            data.nodes.remove(&at.node);
            return Ok(true);
        }
        if at.afresh {
            let present = BTreeSet::new();
            let until = at.until();
            data.nodes.insert(at.node, NodeData { until, present });
        }
        let Some(node) = data.nodes.get_mut(&at.node) else {
            return Ok(false);
        };
        node.until = at.until();
        node.present.extend(at.came);
        for gone in at.gone {
            node.present.remove(gone);
        }
        Ok(true)
    }
}

impl Data {
    pub(super) fn present_elsewhere(&self, node: u64, now: Timestamp) -> Vec<ParticipantNo> {
        let others = self.nodes.iter().filter(|(no, _)| **no != node);
        let alive = others.filter(|(_, node)| node.until > now);
        let present: BTreeSet<_> = alive.flat_map(|(_, node)| &node.present).collect();
        present.into_iter().copied().collect()
    }

    /// Whether a token still stands.
    pub(super) fn check_fence(&self, fence: Option<Fence>) -> Result<(), StoreError> {
        let Some(fence) = fence else { return Ok(()) };
        let token = self.leases.get(fence.name).map(|row| row.token);
        if token == Some(fence.token) {
            return Ok(());
        }
        let detail = format!(
            "the lease {} is held by another one: its token is not {} any more",
            fence.name, fence.token
        );
        Err(StoreError::new(StoreErrorKind::Superseded, detail))
    }
}
