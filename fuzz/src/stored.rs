//! What comes from a store and from other nodes: damaged bytes are told as such, and hints are never more than hints.

use crewline_core::changes::LogDetail;
use crewline_core::{Hints, Origin, ReminderRow};

/// Bytes of a row, or a text of a bus.
pub(crate) fn stored(data: &[u8]) -> usize {
    let mut understood = 0;
    if let Some(detail) = LogDetail::from_bytes(data) {
        understood += 1;
        assert_eq!(LogDetail::from_bytes(&detail.to_bytes()), Some(detail));
    }
    if let Some(who) = ReminderRow::who_from_bytes(data) {
        assert!(who.len() <= data.len());
        understood += usize::from(!who.is_empty());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        understood += hint(text);
    }
    understood
}

fn hint(text: &str) -> usize {
    let Some((origin, hints)) = Hints::decode(text) else {
        return 0;
    };
    for bytes_max in [1, 64, 8_000] {
        let mut again = Hints::default();
        for text in hints.encode(&origin, bytes_max) {
            let (from, part) = Hints::decode(&text).expect("it was said by us");
            assert_eq!(
                from,
                Origin {
                    epoch: origin.epoch.clone(),
                    node: origin.node
                }
            );
            again.heads.extend(part.heads);
            again.directory |= part.directory;
            again.people |= part.people;
            again.pushes |= part.pushes;
            again.look |= part.look;
        }
        assert_eq!(again, hints, "in pieces of {bytes_max} bytes");
    }
    1
}
