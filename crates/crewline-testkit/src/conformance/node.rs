//! What several nodes on one store need.

use super::cases::people;
use super::{Make, desk};

pub(super) fn the_ends_of_many_logs_are_read_at_once(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    for at in 0..3 {
        desk.send("scada", &["alice"], &format!("{at}")).unwrap();
    }
    desk.send("scada", &["alice", "bob"], "both").unwrap();
    let [alice, bob, scada] = ["alice", "bob", "scada"].map(|id| desk.no(id).unwrap());
    let asked = [bob, crewline_core::ParticipantNo(9_999), alice, scada, bob];
    assert_eq!(desk.reader.heads(&asked).unwrap(), [1, 0, 4, 0, 1]);
    assert!(desk.reader.heads(&[]).unwrap().is_empty());
}
