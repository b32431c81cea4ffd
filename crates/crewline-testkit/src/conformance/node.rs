//! Nodes: the ends of logs, leases with their tokens, and who is present where.

use std::time::Duration;

use crewline_core::node::{FORGET_NODE, PUSH, RETENTION};
use crewline_core::{
    Cut, DirectoryError, Fence, LeaseAsk, ParticipantNo, Pass, PresentAt, StoreErrorKind,
    UserChange,
};

use super::cases::people;
use super::directory::id;
use super::{Make, desk};
use crate::Desk;

const LIFE: Duration = Duration::from_secs(10);

fn take(
    desk: &mut Desk,
    owner: u64,
    names: &[&'static str],
    life: Option<Duration>,
) -> Vec<Option<u64>> {
    let ask = LeaseAsk {
        names,
        owner,
        now: desk.now,
        life,
    };
    desk.writer.nodes().take_leases(&ask).unwrap()
}

fn pass(desk: &mut Desk, time: Duration) {
    desk.now = desk.now.plus_millis(time.as_millis() as i64);
}

pub(super) fn a_lease_is_held_by_one_until_its_time_is_over(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    let both = [RETENTION, PUSH];
    assert_eq!(take(&mut desk, 7, &both, Some(LIFE)), [Some(1), Some(1)]);
    assert_eq!(take(&mut desk, u64::MAX, &both, Some(LIFE)), [None, None]);
    pass(&mut desk, LIFE / 2);
    assert_eq!(take(&mut desk, 7, &[PUSH], Some(LIFE)), [Some(1)], "kept");
    pass(&mut desk, LIFE / 2);
    assert_eq!(
        take(&mut desk, u64::MAX, &both, Some(LIFE)),
        [Some(2), None]
    );
    let rows = desk.reader.leases().unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.owner, row.token))
        .collect();
    assert_eq!(rows, [(PUSH, 7, 1), (RETENTION, u64::MAX, 2)]);
    // Nobody took it meanwhile: the time of the one who comes back may be over.
    pass(&mut desk, 3 * LIFE);
    assert_eq!(take(&mut desk, 7, &both, Some(LIFE)), [Some(3), Some(1)]);
    // One that is given up is taken at once; giving up an old one is nothing.
    let ended = [
        Fence {
            name: PUSH,
            token: 1,
        },
        Fence {
            name: RETENTION,
            token: 2,
        },
    ];
    desk.writer.nodes().end_leases(&ended).unwrap();
    assert_eq!(take(&mut desk, 8, &both, Some(LIFE)), [None, Some(2)]);
    // Who is alone takes what others held, and nobody else gets it.
    assert_eq!(take(&mut desk, 1, &both, None), [Some(4), Some(3)]);
    pass(&mut desk, 1_000_000 * LIFE);
    assert_eq!(take(&mut desk, 8, &both, Some(LIFE)), [None, None]);
}

pub(super) fn what_is_written_with_an_old_token_is_refused(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    desk.add_user("alice");
    let name = |desk: &Desk| desk.reader.users().unwrap()[0].name.clone();
    let rename = |desk: &mut Desk, to: &str| {
        let change = UserChange::Name(to.to_owned());
        let now = desk.now;
        desk.directory(|directory| directory.change_user(&id("alice"), &change, now))
    };
    take(&mut desk, 7, &[PUSH], Some(LIFE));
    let old = Fence {
        name: PUSH,
        token: 1,
    };
    desk.writer.nodes().fence(Some(old));
    rename(&mut desk, "first").unwrap();
    desk.writer.nodes().fence(None);
    pass(&mut desk, LIFE);
    assert_eq!(take(&mut desk, 8, &[PUSH], Some(LIFE)), [Some(2)]);

    desk.writer.nodes().fence(Some(old));
    let refused = rename(&mut desk, "second").unwrap_err();
    assert!(
        matches!(&refused, DirectoryError::Store(error) if error.kind == StoreErrorKind::Superseded),
        "{refused:?}"
    );
    let mut cut = Pass::new(Cut {
        before: desk.now,
        release: desk.now,
    });
    let refused = desk.writer.prune(&mut cut, 10).unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Superseded);
    assert_eq!(name(&desk), "first");
    // Messages are written under no lease.
    desk.send("scada", &["alice"], "x").unwrap();

    let never = Fence {
        name: RETENTION,
        token: 1,
    };
    desk.writer.nodes().fence(Some(never));
    assert!(rename(&mut desk, "third").is_err());
    desk.writer.nodes().fence(Some(Fence { token: 2, ..old }));
    rename(&mut desk, "fourth").unwrap();
    desk.writer.nodes().fence(None);
    rename(&mut desk, "fifth").unwrap();
    assert_eq!(name(&desk), "fifth");
}

fn note(
    desk: &mut Desk,
    node: u64,
    afresh: bool,
    came: &[ParticipantNo],
    gone: &[ParticipantNo],
) -> bool {
    let at = PresentAt {
        node,
        now: desk.now,
        life: LIFE,
        afresh,
        came,
        gone,
    };
    desk.writer.nodes().note_present(&at).unwrap()
}

pub(super) fn who_is_present_counts_for_as_long_as_the_node_is_heard_of(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for user in ["alice", "bob", "carol"] {
        desk.add_user(user);
    }
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|id| desk.no(id).unwrap());
    let elsewhere = |desk: &Desk, node| desk.reader.present_elsewhere(node, desk.now).unwrap();
    assert!(!note(&mut desk, 7, false, &[alice], &[]), "who is that?");
    assert!(elsewhere(&desk, 1).is_empty());
    assert!(note(&mut desk, 7, true, &[carol, alice], &[]));
    assert!(note(&mut desk, u64::MAX, true, &[alice, bob], &[]));
    assert_eq!(elsewhere(&desk, 1), [alice, bob, carol]);
    assert_eq!(elsewhere(&desk, 7), [alice, bob]);
    assert_eq!(elsewhere(&desk, u64::MAX), [alice, carol]);
    assert!(note(&mut desk, 7, false, &[bob, bob], &[alice, alice]));
    assert_eq!(elsewhere(&desk, u64::MAX), [bob, carol]);
    // Said afresh, what was said before does not count.
    assert!(note(&mut desk, 7, true, &[alice], &[]));
    assert_eq!(elsewhere(&desk, u64::MAX), [alice]);
    // One is not heard of any more, and then it is.
    pass(&mut desk, LIFE / 2);
    assert!(note(&mut desk, u64::MAX, false, &[], &[]));
    pass(&mut desk, LIFE / 2);
    assert!(elsewhere(&desk, u64::MAX).is_empty());
    assert_eq!(elsewhere(&desk, 7), [alice, bob]);
    assert!(note(&mut desk, 7, false, &[], &[]));
    assert_eq!(elsewhere(&desk, u64::MAX), [alice]);
    // After a while it is forgotten, and must say everything.
    pass(&mut desk, LIFE + FORGET_NODE + Duration::from_millis(1));
    assert!(note(&mut desk, u64::MAX, true, &[], &[]));
    assert!(!note(&mut desk, 7, false, &[bob], &[]));
    assert!(note(&mut desk, 7, true, &[bob], &[]));
    // And one that leaves says so.
    let leaves = PresentAt {
        node: 7,
        now: desk.now,
        life: Duration::ZERO,
        afresh: false,
        came: &[],
        gone: &[],
    };
    assert_eq!(elsewhere(&desk, 1), [bob]);
    assert!(desk.writer.nodes().note_present(&leaves).unwrap());
    assert!(elsewhere(&desk, 1).is_empty());
}

pub(super) fn the_ends_of_many_logs_are_read_at_once(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    for at in 0..3 {
        desk.send("scada", &["alice"], &format!("{at}")).unwrap();
    }
    desk.send("scada", &["alice", "bob"], "both").unwrap();
    let [alice, bob, scada] = ["alice", "bob", "scada"].map(|id| desk.no(id).unwrap());
    let asked = [bob, ParticipantNo(9_999), alice, scada, bob];
    assert_eq!(desk.reader.heads(&asked).unwrap(), [1, 0, 4, 0, 1]);
    assert!(desk.reader.heads(&[]).unwrap().is_empty());
}
